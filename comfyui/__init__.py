"""autocached for ComfyUI: models load from the fastest disk that holds a true copy. See resolver.py; no node needs to be placed."""

import sys

NODE_CLASS_MAPPINGS = {}
NODE_DISPLAY_NAME_MAPPINGS = {}
# The sidebar.
WEB_DIRECTORY = "./web"

# ComfyUI runs this file once more when it loads custom nodes; its server is there by then.
if __name__ != "autocached_comfyui" and "autocached_comfyui.hook" in sys.modules:
    NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS = sys.modules["autocached_comfyui.hook"].nodes_are_loading()
