"""autocached for ComfyUI: models load from the fastest disk that has a verified copy. See resolver.py; workflows need no node for it."""

import sys

NODE_CLASS_MAPPINGS = {}
NODE_DISPLAY_NAME_MAPPINGS = {}
# The sidebar.
WEB_DIRECTORY = "./web"

# ComfyUI runs this file a second time when it loads custom nodes. Its server exists by then.
if __name__ != "autocached_comfyui" and "autocached_comfyui.hook" in sys.modules:
    NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS = sys.modules["autocached_comfyui.hook"].nodes_are_loading()
