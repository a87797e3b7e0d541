"""The one node: where to open a model, for loaders that take a path; and what ComfyUI and its registry expect of a pack of nodes."""

import ast
import importlib
import os
import re
import sys
import unittest

from fake_comfyui import SHIM, ComfyTest
from fake_daemon import FakeDaemon


class Node(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.addCleanup(self.daemon.stop)
        self.addCleanup(self.finish, "autocached-stuck")

    def start(self, daemon=True):
        if daemon:
            self.daemon.start()
        importlib.import_module("server").PromptServer(None)
        self.module = self.start_shim()
        self.finish_registration()
        self.node = self.module.NODE_CLASS_MAPPINGS["AutocachedPath"]

    def find(self, category="checkpoints", name="a.safetensors"):
        return self.in_node(lambda: getattr(self.node(), self.node.FUNCTION)(category=category, name=name))

    def changed(self, name="a.safetensors"):
        return self.in_node(lambda: self.node.IS_CHANGED(category="checkpoints", name=name))

    def test_it_gives_the_path_of_the_copy_the_tier_and_the_reason(self):
        self.start()
        self.assertEqual(self.find(), (self.copy, "ssd", "HIT"))
        asked = self.daemon.lookups[0]
        self.assertEqual((asked["purpose"], asked["category"], asked["client"]["node"]), ("load", "checkpoints", "4"))
        self.assertEqual(len(self.daemon.lookups), 1)

    def test_without_a_copy_it_gives_the_source_and_says_why(self):
        self.start()
        self.daemon.copies.clear()
        self.assertEqual(self.find(), (self.source, "nas", "QUEUED"))

    def test_without_a_daemon_it_gives_the_source(self):
        self.start(daemon=False)
        self.assertEqual(self.find(), (self.source, "", "ERROR"))
        self.assertEqual(self.changed(), self.source)

    def test_it_waits_for_a_copy_as_loaders_do(self):
        self.start()
        self.daemon.script = [{"reason": "WAIT_TIMEOUT", "job": None}]
        self.assertEqual(self.find()[0], self.copy)
        self.assertEqual(len(self.daemon.lookups), 2)

    def test_with_the_folder_away_it_gives_the_cached_model(self):
        self.start()
        os.remove(self.source)
        self.daemon.offline[("checkpoints", "a.safetensors")] = self.copy
        self.assertEqual(self.find(), (self.copy, "ssd", "HIT_OFFLINE"))

    def test_a_file_that_is_nowhere_is_an_error_that_names_it(self):
        self.start()
        for category, name in (("checkpoints", "none.safetensors"), ("unheard-of", "a.safetensors"), ("checkpoints", "")):
            with self.subTest(name), self.assertRaisesRegex(FileNotFoundError, category):
                self.find(category, name)

    def test_it_runs_again_when_the_answer_is_another_path_and_asking_is_no_use(self):
        self.start()
        self.daemon.copies.clear()
        before = self.changed()
        self.assertEqual((before, self.changed()), (self.source, self.source))
        self.daemon.copies[self.source] = self.copy
        self.assertEqual(self.changed(), self.copy)
        self.assertEqual({lookup["purpose"] for lookup in self.daemon.lookups}, {"metadata"})
        self.assertNotIn("waitMs", self.daemon.lookups[0])

    def test_after_uninstall_it_gives_the_source(self):
        self.start()
        sys.modules["autocached_comfyui.hook"].uninstall(self.folder_paths, self.wrapper)
        self.assertEqual(self.find(), (self.source, "", "OFF"))
        self.assertEqual(self.daemon.lookups, [])

    def test_comfyui_can_describe_it(self):
        self.start()
        inputs = self.node.INPUT_TYPES()
        categories, _ = inputs["required"]["category"]
        self.assertEqual(categories, ["checkpoints", "text_encoders", "vae_approx"])
        self.assertEqual(inputs["required"]["name"][0], "STRING")
        self.assertEqual(len(self.node.RETURN_TYPES), len(self.node.RETURN_NAMES))
        self.assertEqual(len(self.node.RETURN_TYPES), len(self.node.OUTPUT_TOOLTIPS))
        self.assertTrue(callable(getattr(self.node, self.node.FUNCTION)))
        self.assertEqual(set(self.module.NODE_DISPLAY_NAME_MAPPINGS), set(self.module.NODE_CLASS_MAPPINGS))

    def test_folders_in_the_shape_of_a_later_comfyui_are_understood(self):
        # A category without extensions of its own, and nothing that could be changed in place.
        self.folder_paths.folder_names_and_paths = {
            category: (tuple(folders), frozenset(extensions))
            for category, (folders, extensions) in self.folder_paths.folder_names_and_paths.items()
        }
        self.folder_paths.folder_names_and_paths["fonts"] = ((self.make_folder("fonts"),), frozenset())
        self.start()
        self.assertIn("fonts", self.node.INPUT_TYPES()["required"]["category"][0])
        self.assertEqual(self.find()[0], self.copy)


class Conventions(unittest.TestCase):
    """What the registry of custom nodes scans for, and what a governed ComfyUI refuses."""

    def setUp(self):
        self.files = [os.path.join(at, name) for at, _, names in os.walk(SHIM) for name in names]
        self.trees = {file: ast.parse(read(file)) for file in self.files if file.endswith(".py")}

    def test_there_are_files(self):
        self.assertGreater(len(self.trees), 10)

    def test_nothing_is_evaluated_printed_or_started(self):
        forbidden = {"eval", "exec", "compile", "print", "__import__"}
        for file, tree in self.trees.items():
            for node in ast.walk(tree):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    self.assertNotIn(node.func.id, forbidden, file)
                names = [alias.name for alias in node.names] if isinstance(node, (ast.Import, ast.ImportFrom)) else []
                module = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                for name in names + module:
                    self.assertNotIn(name.split(".")[0], {"subprocess", "pip", "signal", "ctypes", "torch"}, file)
                if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "os":
                    self.assertNotRegex(node.attr, r"^(system|popen|exec\w*|spawn\w*|fork|kill|putenv)$", file)

    def test_only_one_name_of_comfyui_is_replaced(self):
        replaced = set()
        for tree in self.trees.values():
            for node in ast.walk(tree):
                targets = node.targets if isinstance(node, ast.Assign) else []
                for target in targets:
                    if isinstance(target, ast.Attribute) and isinstance(target.value, ast.Name) and target.value.id == "folder_paths":
                        replaced.add(target.attr)
        self.assertEqual(replaced, {"get_full_path"})

    def test_no_links_and_nothing_compiled_is_shipped(self):
        self.assertEqual([file for file in self.files if os.path.islink(file) or file.endswith((".pyc", ".so"))], [])

    def test_the_registry_is_told_what_it_asks_for(self):
        text = read(os.path.join(SHIM, "..", "pyproject.toml"))
        for line in (r'name = "[a-z][a-z0-9-]{0,98}"', r'version = "\d+\.\d+\.\d+"', r"license = \{ text = ", r"dependencies = \[\]"):
            self.assertRegex(text, re.compile("^" + line, re.M))
        for line in (r'Repository = "(https://[^"]+)?"$', r'PublisherId = "[^"]*"$', r'DisplayName = "', r'requires-comfyui = ">='):
            self.assertRegex(text, re.compile("^" + line, re.M))
        # Whoever publishes it fills in both; a made-up one would lead to somebody else.
        self.assertEqual('Repository = ""' in text, 'PublisherId = ""' in text)
        self.assertNotIn("placeholder", text)


def read(file):
    with open(file, encoding="utf-8") as text:
        return text.read()
