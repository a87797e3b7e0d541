"""autocached for ComfyUI: models load from the fastest disk that holds a true copy. There are no nodes; see resolver.py."""

NODE_CLASS_MAPPINGS = {}
