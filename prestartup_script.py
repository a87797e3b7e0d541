"""ComfyUI runs this before it imports any node, when the repository is cloned into custom_nodes."""

import os
import runpy

runpy.run_path(os.path.join(os.path.dirname(os.path.abspath(__file__)), "comfyui", "prestartup_script.py"))
