"""
How a Python program finds the daemon, believes it, and does without it. The other files of this folder are those of the ComfyUI shim, byte
for byte, because each of the two is installed without the other; a test compares them.
"""
