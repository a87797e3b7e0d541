"""The same with the folder_paths of a real ComfyUI: set COMFYUI_DIR to a checkout. Its torch is not needed."""

import importlib
import os
import sys
import unittest

from fake_comfyui import ComfyTest, forget, in_thread
from fake_daemon import FakeDaemon

COMFYUI_DIR = os.environ.get("COMFYUI_DIR")


@unittest.skipUnless(COMFYUI_DIR, "COMFYUI_DIR is not set: nothing is tried with a real ComfyUI")
class RealComfyUI(ComfyTest):
    fake = COMFYUI_DIR

    def setUp(self):
        self.addCleanup(forget, "comfy", "comfy_execution", "utils")
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.start_shim()

    def start_others(self):
        importlib.import_module("comfy_execution.utils")

    def find(self, category, name):
        return self.in_node(lambda: self.folder_paths.get_full_path_or_raise(category, name))

    def test_it_is_the_real_one(self):
        self.assertEqual(os.path.dirname(self.folder_paths.__file__), os.path.abspath(COMFYUI_DIR))
        self.assertTrue(hasattr(self.folder_paths, "get_filename_list"))

    def test_a_node_opens_the_copy(self):
        self.assertEqual(self.find("checkpoints", "a.safetensors"), self.copy)
        self.assertEqual(self.daemon.lookups[0]["client"]["prompt"], "prompt-1")

    def test_nothing_is_asked_outside_a_node(self):
        ask = lambda: self.folder_paths.get_full_path("checkpoints", "a.safetensors")
        self.assertEqual((ask(), in_thread(ask)), (self.source, self.source))
        self.assertEqual(self.daemon.lookups, [])

    def test_the_list_of_files_stays_as_it_was(self):
        self.assertEqual(self.in_node(lambda: self.folder_paths.get_filename_list("checkpoints")), ["a.safetensors"])

    def test_a_name_that_leads_out_finds_nothing(self):
        self.make_file("secret.safetensors")
        with self.assertRaises(FileNotFoundError):
            self.find("checkpoints", "../../secret.safetensors")

    def test_old_words_for_categories_are_understood(self):
        source, copy = self.make_source_and_copy("text_encoders", "t5.safetensors")
        self.daemon.copies[source] = copy
        self.assertEqual(self.find("clip", "t5.safetensors"), copy)
        self.assertEqual(self.daemon.lookups[0]["category"], "text_encoders")

    def test_the_daemon_is_told_of_the_model_folders_and_of_no_others(self):
        self.find("checkpoints", "a.safetensors")
        self.finish_registration()
        told = self.daemon.roots[0]["roots"]
        self.assertIn({"path": os.path.join(self.models, "checkpoints"), "category": "checkpoints"}, told)
        self.assertIn("loras", {root["category"] for root in told})
        self.assertFalse({root["category"] for root in told} & {"custom_nodes", "configs"})
        self.assertTrue(all(os.path.isabs(root["path"]) for root in told))

    def test_uninstall_restores_the_real_function(self):
        hook = sys.modules["autocached_comfyui.hook"]
        self.assertTrue(hook.uninstall(self.folder_paths, self.wrapper))
        self.assertIs(self.folder_paths.get_full_path, self.original)
