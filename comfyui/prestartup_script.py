"""ComfyUI runs this before it imports any node, so all later lookups of models pass through the wrapper."""

import importlib.util
import os
import sys

import folder_paths

_NAME = "autocached_comfyui"


def _start(here):
    spec = importlib.util.spec_from_file_location(
        _NAME, os.path.join(here, "__init__.py"), submodule_search_locations=[here]
    )
    package = importlib.util.module_from_spec(spec)
    written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        sys.modules[_NAME] = package
        spec.loader.exec_module(package)
        hook = importlib.import_module(_NAME + ".hook")
    finally:
        sys.dont_write_bytecode = written
    hook.install(folder_paths, here)


if _NAME not in sys.modules:
    _start(os.path.dirname(os.path.abspath(__file__)))
