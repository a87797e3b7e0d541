"""autocached for ComfyUI: models load from the fastest disk that holds a true copy. There are no nodes; see resolver.py."""

import sys

NODE_CLASS_MAPPINGS = {}
# The sidebar.
WEB_DIRECTORY = "./web"

# ComfyUI runs this file once more when it loads custom nodes; its server is there by then.
if __name__ != "autocached_comfyui" and "autocached_comfyui.hook" in sys.modules:
    sys.modules["autocached_comfyui.hook"].nodes_are_loading()
