"""Mounts a file system that never answers at the given directory, until its input ends. Needs root and /dev/fuse.

A FUSE mount whose server does not even take the first request: every call into it waits in the kernel, as with a NAS that
went away.
"""
import ctypes
import os
import sys

libc = ctypes.CDLL(None, use_errno=True)
place = sys.argv[1].encode()
fuse = os.open("/dev/fuse", os.O_RDWR)
options = f"fd={fuse},rootmode=40000,user_id=0,group_id=0".encode()
if libc.mount(b"hung", place, b"fuse.hung", 0, options) != 0:
    sys.exit(os.strerror(ctypes.get_errno()))
print("mounted", flush=True)
sys.stdin.read()
libc.umount2(place, 2)
