"""The files of the shim's memo, which need no ComfyUI around them."""

import importlib
import os
import sys
import unittest
from importlib.util import find_spec

from fake_comfyui import SHIM, forget

NO_TORCH = "there is no torch"
has_torch = bool(find_spec("torch") and find_spec("safetensors"))


class MemoCase(unittest.TestCase):
    def setUp(self):
        sys.path.insert(0, os.path.dirname(SHIM))
        self.addCleanup(sys.path.remove, os.path.dirname(SHIM))
        self.addCleanup(forget, "comfyui", "comfy")

    def module(self, name):
        return importlib.import_module("comfyui.memo." + name)
