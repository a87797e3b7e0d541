"""What decides the key of a node's output, and when there is none: code, files, and whether all of it is known."""

import json
import os
import shutil
import sys
import tempfile
import time
import types

import unittest

from fake_comfyui import forget
from memo_case import MemoCase


class Loader:
    RETURN_TYPES = ("MODEL", "CLIP")

    @classmethod
    def INPUT_TYPES(cls):
        return {}


class Patch(Loader):
    RETURN_TYPES = ("CLIP",)


class Text(Loader):
    RETURN_TYPES = ("CONDITIONING",)


class Dataset(Text):
    RELATIVE_PYTHON_MODULE = "comfy_extras.nodes_dataset"


class CustomLoader(Loader):
    RELATIVE_PYTHON_MODULE = "custom_nodes.pack"


class CustomData(Text):
    RELATIVE_PYTHON_MODULE = "custom_nodes.pack"


class Reader(Text):
    @classmethod
    def INPUT_TYPES(cls):
        return {"hidden": {"everything": "PROMPT"}}


class Ancestors(MemoCase):
    def setUp(self):
        super().setUp()
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="autocached-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.addCleanup(forget, "nodes")
        classes = {kind.__name__: kind for kind in (Loader, Patch, Text, Dataset, CustomLoader, CustomData, Reader)}
        sys.modules["nodes"] = types.SimpleNamespace(NODE_CLASS_MAPPINGS=classes)
        for folder in ("checkpoints", "embeddings", "input"):
            os.mkdir(os.path.join(self.dir, folder))
        self.folder_paths = types.SimpleNamespace(
            folder_names_and_paths={name: ([os.path.join(self.dir, name)], set()) for name in ("checkpoints", "embeddings")},
            get_input_directory=lambda: os.path.join(self.dir, "input"),
            get_filename_list=lambda category: sorted(os.listdir(os.path.join(self.dir, category))),
        )
        self.files = self.module("files").Files(self.folder_paths, self.own)
        self.opened = self.module("opened").OpenedFiles()
        self.prompt = {
            "load": {"class_type": "Loader", "inputs": {"name": "a.safetensors"}},
            "patch": {"class_type": "Patch", "inputs": {"clip": ["load", 1], "layer": -2}},
            "text": {"class_type": "Text", "inputs": {"clip": ["patch", 0], "text": "a knight, 1.5 times"}},
        }
        self.write("checkpoints", "a.safetensors")

    def own(self, category, name):
        path = os.path.join(self.dir, category, os.path.relpath(os.path.join("/", name), "/"))
        return path if os.path.isfile(path) else None

    def write(self, folder, name, content=b"weights", at=None):
        path = os.path.join(self.dir, folder, name)
        with open(path + ".new", "wb") as file:
            file.write(content)
        os.replace(path + ".new", path)
        if at is not None:
            os.utime(path, ns=(at, at))
        return path

    def ancestry(self, **changed):
        return self.module("ancestry").Ancestry(self.prompt | changed, self.files, self.opened)

    def named(self, node="text", **changed):
        return [[category, name] for category, name, _ in self.ancestry(**changed).files(node)]

    def opens(self, node="load", name="a.safetensors", category="checkpoints"):
        """The node runs and opens a file."""
        ancestry = self.ancestry()
        self.opened.open(ancestry.signature(node), category, name, self.files.state(category, name))

    def test_the_files_that_ancestors_name(self):
        self.assertEqual(self.named(), [["checkpoints", "a.safetensors"]])
        nested = {"class_type": "Loader", "inputs": {"stack": [{"on": True, "lora": "a.safetensors"}, ["x", "y"]]}}
        self.assertEqual(self.named(load=nested), [["checkpoints", "a.safetensors"]])

    def test_a_replaced_file_has_another_state_even_when_size_and_time_are_the_same(self):
        path = self.write("checkpoints", "a.safetensors", b"weights", at=10**18)
        before = self.ancestry().files("text")
        time.sleep(0.02)
        self.write("checkpoints", "a.safetensors", b"WEIGHTS", at=10**18)
        self.assertEqual(os.stat(path).st_mtime_ns, 10**18)
        self.assertNotEqual(self.ancestry().files("text"), before)

    def test_uploaded_files_count_unless_comfyui_hashes_them(self):
        self.write("input", "b.mp4")
        video = {"class_type": "Text", "inputs": {"file": "b.mp4"}}
        self.assertEqual(self.named(text=video), [["[input]", "b.mp4"]])
        self.assertEqual(self.named(text={"class_type": "LoadImage", "inputs": {"image": "b.mp4"}}), [])
        self.assertEqual(self.named(text={"class_type": "Text", "inputs": {"file": "../checkpoints/a.safetensors"}}), [])

    def test_embeddings_in_a_text_count_also_when_they_are_missing(self):
        text = {"class_type": "Text", "inputs": {"text": "embedding:easy, a (embedding:sub/good:1.2)"}}
        before = self.ancestry(text=text).files("text")
        self.assertEqual([file[:2] for file in before], [["embeddings", "easy"], ["embeddings", "sub/good"]])
        self.write("embeddings", "easy.pt")
        self.assertNotEqual(self.ancestry(text=text).files("text"), before)

    def test_an_embedding_that_was_replaced_counts_however_its_weight_is_written(self):
        for text in ("(embedding:easy:1e-1)", "(embedding:easy:1_0)", "embedding:\neasy", "{embedding:easy|a}", "embedding:more,easy"):
            name = "more,easy.pt" if "more" in text else "easy.pt"
            self.write("embeddings", name)
            node = {"class_type": "Text", "inputs": {"text": text}}
            before = self.ancestry(text=node).files("text")
            self.write("embeddings", name, text.encode())
            with self.subTest(text):
                self.assertNotEqual(self.ancestry(text=node).files("text"), before)

    def test_a_name_that_is_found_later_counts_once_a_node_has_opened_it(self):
        later = {"class_type": "Loader", "inputs": {"name": "later.safetensors"}}
        self.assertEqual(self.named(load=later), [])
        self.write("checkpoints", "later.safetensors")
        self.files.opened("later.safetensors")
        self.assertEqual(self.named(load=later), [["checkpoints", "later.safetensors"]])

    def test_what_may_depend_on_something_else_is_not_understood(self):
        def understood(kind, at="text"):
            changed = dict(self.prompt[at], class_type=kind)
            return self.ancestry(**{at: changed}).is_understood("text")

        self.assertTrue(self.ancestry().is_understood("text"))
        self.assertTrue(understood("CustomLoader", at="load"))
        for kind in ("Dataset", "CustomData", "Reader", "Unknown", None):
            for at in ("text", "patch", "load"):
                self.assertFalse(understood(kind, at), (kind, at))

    def test_packs_among_the_ancestors(self):
        loader = dict(self.prompt["load"], class_type="CustomLoader")
        self.assertEqual(self.ancestry(load=loader).packs("text"), ["pack"])
        self.assertEqual(self.ancestry().packs("text"), [])

    def test_a_model_that_was_opened_is_certain(self):
        self.ancestry().files("text")
        self.opens()
        self.assertEqual(self.ancestry().unnamed("text"), [])

    def test_a_model_without_a_known_file_makes_everything_below_it_uncertain(self):
        self.assertIsNone(self.ancestry().unnamed("text"))

    def test_a_model_that_was_replaced_while_it_was_in_memory_is_uncertain_until_a_restart(self):
        self.opens()
        time.sleep(0.02)
        self.write("checkpoints", "a.safetensors", b"others!")
        self.assertIsNone(self.ancestry().unnamed("text"))
        self.opens()
        self.assertIsNone(self.ancestry().unnamed("text"))

    def test_a_model_that_was_replaced_after_the_key_was_made_is_uncertain(self):
        ancestry = self.ancestry()
        ancestry.files("text")
        time.sleep(0.02)
        self.write("checkpoints", "a.safetensors", b"others!")
        self.opens()
        self.assertIsNone(ancestry.unnamed("text"))

    def test_a_file_that_a_loader_chose_by_itself_is_noted_with_the_names_it_chose_from(self):
        self.prompt["load"] = {"class_type": "Loader", "inputs": {"preset": "PLUS"}}
        self.assertEqual(self.named(), [])
        self.opens()
        found = self.ancestry().unnamed("text")
        self.assertEqual([file[:2] for file in found], [["checkpoints", ""], ["checkpoints", "a.safetensors"]])
        self.write("checkpoints", "b.safetensors")
        self.assertNotEqual(self.ancestry().unnamed("text"), found)

    def test_below_an_output_of_the_memo_nothing_has_to_have_run(self):
        self.prompt["sample"] = {"class_type": "Text", "inputs": {"positive": ["text", 0]}}
        ancestry = self.ancestry()
        self.assertIsNone(ancestry.unnamed("sample"))
        self.opened.restore(ancestry.signature("text"), ancestry.files("text"), [])
        self.assertEqual(ancestry.unnamed("sample"), [])
        time.sleep(0.02)
        self.write("checkpoints", "a.safetensors", b"others!")
        self.assertIsNone(self.ancestry().unnamed("sample"))

    def test_a_signature_does_not_depend_on_ids(self):
        renamed = json.loads(json.dumps(self.prompt).replace('"load"', '"7"').replace('"patch"', '"9"'))
        signatures = self.module("signature").Signatures
        self.assertEqual(signatures(self.prompt).of("text"), signatures(renamed).of("text"))
        circle = {"a": {"class_type": "A", "inputs": {"x": ["b", 0]}}, "b": {"class_type": "A", "inputs": {"x": ["a", 0]}}}
        with self.assertRaises(ValueError):
            signatures(circle).of("a")
        chain = {str(at): {"class_type": "A", "inputs": {"x": [str(at - 1), 0]} if at else {"x": float("nan")}} for at in range(5000)}
        self.assertEqual(len(signatures(chain).of("4999")), 64)
        renamed["9"]["inputs"]["layer"] = -1
        self.assertNotEqual(signatures(self.prompt).of("text"), signatures(renamed).of("text"))


class OfCode(MemoCase):
    def setUp(self):
        super().setUp()
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="autocached-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.packs = os.path.join(self.dir, "custom_nodes")
        for name in ("nodes.py", "comfy/sd.py", "custom_nodes/pack/nodes.py", "custom_nodes/single.py"):
            self.write(name, "one = 1")
        self.write("custom_nodes/pack/pyproject.toml", '[project]\nversion = "1.2"\n')
        self.began = time.time() + 60

    def write(self, name, text):
        path = os.path.join(self.dir, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def code(self, began=None, clock=time.time):
        folder_paths = types.SimpleNamespace(__file__=os.path.join(self.dir, "folder_paths.py"), get_folder_paths=lambda _: [self.packs])
        return self.module("code").Code(folder_paths, self.began if began is None else began, clock)

    def test_an_edited_file_is_other_code_after_a_restart(self):
        before = self.code()
        known = {pack: before.of(pack) for pack in (None, "pack", "single")}
        self.write("custom_nodes/pack/nodes.py", "one = 2")
        self.write("comfy/sd.py", "one = 2")
        # What runs is what was loaded.
        self.assertEqual(before.of("pack"), known["pack"])
        after = self.code()
        self.assertEqual({pack for pack in known if after.of(pack) != known[pack]}, {None, "pack"})
        self.assertEqual(len({*known.values()}), 3)

    def test_a_moved_or_renamed_file_is_other_code(self):
        before = self.code().of("pack")
        os.rename(os.path.join(self.packs, "pack", "nodes.py"), os.path.join(self.packs, "pack", "other.py"))
        self.assertNotEqual(self.code().of("pack"), before)

    def test_by_versions_an_edit_does_not_count(self):
        before = self.code().of("pack", False)
        self.write("custom_nodes/pack/nodes.py", "one = 2")
        self.assertEqual(self.code().of("pack", False), before)
        self.write("custom_nodes/pack/pyproject.toml", 'version = "1.3"')
        self.assertNotEqual(self.code().of("pack", False), before)
        self.assertEqual(self.code().of("single", False), self.code().of("single"))

    def test_a_file_that_was_edited_while_comfyui_started_is_not_certain(self):
        found = self.code(began=time.time() - 60, clock=lambda: time.time() + 60)
        with self.assertLogs("autocached", "INFO"):
            self.assertIsNone(found.of("pack"))

    def test_a_pack_that_is_not_there_is_not_certain(self):
        self.assertIsNone(self.code().of("gone"))


if __name__ == "__main__":
    unittest.main()
