"""The disk or the share with the models is away, and copies of them are there."""

import copy
import importlib
import os
import shutil
import sys

from fake_comfyui import SHIM, ComfyTest
from fake_daemon import FakeDaemon


class Offline(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.root = os.path.dirname(self.source)
        self.make_file("models", "more", "b.safetensors")
        self.folder_paths.folder_names_and_paths["checkpoints"][0].append(os.path.join(self.models, "more"))
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.daemon.offline[("checkpoints", "a.safetensors")] = self.copy
        self.daemon.cached = [self.source, os.path.join(self.models, "more", "deleted.safetensors"), "/mnt/other/a.safetensors"]
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.start_shim()
        self.finish("autocached-offline")

    def go_away(self):
        """As an unmounted share whose mount point is gone too."""
        shutil.move(self.root, self.make_folder("elsewhere"))

    def come_back(self):
        shutil.move(os.path.join(self.dir, "elsewhere", "checkpoints"), self.models)

    def names(self):
        return self.folder_paths.get_filename_list("checkpoints")

    def look(self):
        sys.modules["autocached_comfyui.hook"]._prefetch._heard()
        self.finish("autocached-offline")

    def test_a_node_loads_the_copy(self):
        self.go_away()
        self.assertEqual(self.load(), self.copy)
        question = self.daemon.lookups[0]
        self.assertEqual((question["category"], question["name"], "path" in question), ("checkpoints", "a.safetensors", False))

    def test_outside_a_node_nobody_is_asked(self):
        self.go_away()
        self.assertIsNone(self.folder_paths.get_full_path("checkpoints", "a.safetensors"))
        self.assertEqual(self.daemon.lookups, [])

    def test_what_is_not_that_file_is_not_loaded(self):
        self.go_away()
        for wrong in (self.copy + "x", self.make_file("ssd", "b.safetensors"), self.make_folder("ssd", "d", "a.safetensors"), "a.safetensors"):
            self.daemon.offline[("checkpoints", "a.safetensors")] = wrong
            with self.subTest(wrong), self.one_log_line(), self.assertRaises(FileNotFoundError):
                self.load()

    def test_a_dead_daemon_leaves_the_file_missing(self):
        self.go_away()
        self.daemon.stop()
        with self.one_log_line():
            for _ in range(5):
                with self.assertRaises(FileNotFoundError):
                    self.load()

    def test_the_names_stay_in_the_list(self):
        self.assertEqual(self.names(), ["a.safetensors", "b.safetensors"])
        self.go_away()
        self.look()
        self.assertEqual(self.names(), ["a.safetensors", "b.safetensors"])

    def test_an_empty_mount_point_is_away_as_well(self):
        self.names()
        self.go_away()
        os.mkdir(self.root)
        self.assertEqual(self.names(), ["b.safetensors"])
        self.look()
        self.assertEqual(self.names(), ["a.safetensors", "b.safetensors"])

    def test_many_copies_are_all_listed_and_what_is_no_model_is_not(self):
        self.go_away()
        many = [os.path.join(self.root, "sub", "m%03d.safetensors" % n) for n in range(450)]
        self.daemon.cached = [*many, os.path.join(self.root, "notes.txt")]
        for source in self.daemon.cached:
            self.daemon.copies[source] = self.make_file("ssd", "checkpoints", os.path.relpath(source, self.root))
        os.remove(self.copy)
        self.look()
        expected = [os.path.join("sub", os.path.basename(path)) for path in many]
        self.assertEqual(self.names(), ["b.safetensors", *expected])

    def test_comfyui_lists_its_folder_anew_when_it_is_back(self):
        self.go_away()
        self.look()
        self.make_file("elsewhere", "checkpoints", "new.safetensors")
        os.remove(os.path.join(self.dir, "elsewhere", "checkpoints", "a.safetensors"))
        self.come_back()
        # It is noticed without a prompt.
        self.finish("autocached-away")
        self.assertEqual(self.names(), ["b.safetensors", "new.safetensors"])
        self.look()
        self.assertEqual(self.names(), ["b.safetensors", "new.safetensors"])

    def test_a_list_that_was_made_in_between_does_not_keep_what_was_deleted(self):
        self.go_away()
        self.look()
        self.assertEqual(self.names(), ["a.safetensors", "b.safetensors"])
        os.remove(os.path.join(self.dir, "elsewhere", "checkpoints", "a.safetensors"))
        self.make_file("elsewhere", "checkpoints", "new.safetensors")
        self.come_back()
        self.names()
        self.finish("autocached-away")
        self.assertEqual(self.names(), ["b.safetensors", "new.safetensors"])

    def test_nothing_is_written_into_the_lists_of_comfyui(self):
        self.names()
        self.go_away()
        self.look()
        self.assertNotIn("checkpoints", self.folder_paths.filename_list_cache)
        folders = self.folder_paths.folder_names_and_paths["checkpoints"][0]
        self.assertEqual(folders, [self.root, os.path.join(self.models, "more"), os.path.dirname(self.copy)])

    def test_a_copy_that_leaves_meanwhile_does_not_stop_comfyui_from_listing(self):
        sub = self.make_file("ssd", "checkpoints", "sub", "c.safetensors")
        self.daemon.cached.append(os.path.join(self.root, "sub", "c.safetensors"))
        self.daemon.copies[self.daemon.cached[-1]] = sub
        self.go_away()
        self.look()
        self.assertIn(os.path.join("sub", "c.safetensors"), self.names())
        shutil.rmtree(os.path.dirname(sub))
        self.look()
        self.assertEqual(self.names(), ["a.safetensors", "b.safetensors"])

    def test_a_node_loads_the_copy_from_the_list_with_a_lease_and_a_use(self):
        self.go_away()
        self.look()
        self.assertEqual(self.load(), self.copy)
        question = self.daemon.lookups[0]
        self.assertEqual((question["category"], question["name"], "path" in question), ("checkpoints", "a.safetensors", False))
        self.daemon.stop()
        self.assertEqual(self.load(), self.copy)

    def test_with_everything_there_no_list_is_touched(self):
        self.names()
        before = dict(self.folder_paths.filename_list_cache)
        self.look()
        self.assertEqual(self.folder_paths.filename_list_cache, before)
        self.assertIs(self.folder_paths.filename_list_cache["checkpoints"], before["checkpoints"])

    def test_another_comfyui_without_such_lists_is_left_alone(self):
        del self.folder_paths.filename_list_cache
        self.go_away()
        with self.no_log_line():
            self.look()
        self.assertEqual(self.load(), self.copy)


class EmbeddingsTest(ComfyTest):
    """ComfyUI looks for the embeddings of a text in the folders of their category, by itself."""

    def setUp(self):
        super().setUp()
        self.folder = self.make_folder("models", "embeddings")
        self.folder_paths.folder_names_and_paths["embeddings"] = ([self.folder], {".pt"})
        self.source, self.copy = self.make_source_and_copy("embeddings", os.path.join("sub", "bad.pt"))
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.daemon.cached = [self.source]
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.start_shim()
        self.place = self.make_folder("ssd", "embeddings")

    def look(self):
        sys.modules["autocached_comfyui.hook"]._prefetch._heard()
        self.finish("autocached-offline")

    def folders(self):
        return self.folder_paths.folder_names_and_paths["embeddings"][0]


class Embeddings(EmbeddingsTest):
    def test_they_are_found_while_their_folder_is_away_and_no_longer(self):
        self.look()
        self.assertEqual(self.folders(), [self.folder])
        shutil.move(self.folder, self.make_folder("elsewhere"))
        self.look()
        self.look()
        self.assertEqual(self.folders(), [self.folder, self.place])
        self.assertTrue(os.path.isfile(os.path.join(self.place, "sub", "bad.pt")))
        shutil.move(os.path.join(self.dir, "elsewhere", "embeddings"), self.models)
        self.look()
        self.assertEqual(self.folders(), [self.folder])

    def test_a_text_encoder_that_was_loaded_before_finds_them_and_one_loaded_meanwhile_forgets_the_copies_again(self):
        before = self.folder_paths.get_folder_paths("embeddings")
        shutil.move(self.folder, self.make_folder("elsewhere"))
        self.look()
        meanwhile = self.folder_paths.get_folder_paths("embeddings")
        self.assertEqual([list(before), list(meanwhile)], [[self.folder, self.place]] * 2)
        self.folder_paths.folder_names_and_paths["embeddings"][0].append("/more")
        self.assertEqual(list(self.folders()), [self.folder, self.place, "/more"])
        shutil.move(os.path.join(self.dir, "elsewhere", "embeddings"), self.models)
        self.look()
        self.assertEqual([list(before), list(meanwhile)], [[self.folder]] * 2)
        self.assertEqual(copy.deepcopy(before), [self.folder])

    def test_the_folder_of_copies_is_not_told_to_the_daemon_as_one_of_models(self):
        shutil.move(self.folder, self.make_folder("elsewhere"))
        self.look()
        self.folder_paths.folder_names_and_paths["more"] = ([self.make_folder("models", "more")], set())
        self.load_anything()
        told = [root["path"] for root in self.daemon.roots[-1]["roots"]]
        self.assertIn(os.path.join(self.models, "more"), told)
        self.assertNotIn(self.place, told)

    def load_anything(self):
        self.make_file("models", "checkpoints", "a.safetensors")
        self.load()

    def test_without_copies_nothing_is_added(self):
        os.remove(self.copy)
        shutil.move(self.folder, self.make_folder("elsewhere"))
        self.look()
        self.assertEqual(self.folders(), [self.folder])


class NamedEmbeddings(EmbeddingsTest):
    """What ComfyUI does not find it leaves out, and makes another picture without a word."""

    def setUp(self):
        super().setUp()
        self.server = importlib.import_module("server").PromptServer(None)
        self.run_file(os.path.join(SHIM, "__init__.py"))
        self.addCleanup(self.finish, "autocached-prefetch")

    def queue(self, text):
        """What ComfyUI goes on with when such a text is queued."""
        given = {"prompt": {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}}, "7": {"class_type": "Save"}}}
        self.given = given["prompt"]
        found = self.server.trigger_on_prompt(given)["prompt"]
        self.finish("autocached-prefetch")
        return found

    def unplug(self):
        self.look()
        shutil.move(self.folder, self.make_folder("elsewhere"))

    def assert_refused(self, found, name):
        self.assertEqual(found["7"], self.given["7"])
        refusal = self.nodes.NODE_CLASS_MAPPINGS[found["6"]["class_type"]]
        said = refusal.VALIDATE_INPUTS(**found["6"]["inputs"])
        for part in ("embedding %s," % name, self.folder, "is away"):
            self.assertIn(part, said)
        self.assertEqual(set(refusal.INPUT_TYPES()["required"]), set(found["6"]["inputs"]))
        self.assertFalse(refusal.RETURN_TYPES[0] != "CONDITIONING")

    def test_one_that_is_nowhere_while_their_folder_is_away_is_refused(self):
        self.unplug()
        named = ("a cat, embedding:other", "a (embedding:other:1.2) cat", "(embedding:other:1e-1)", "embedding:\n other", "embedding:,other")
        for text in (*named, ["x", {"y": "embedding:other, cat"}]):
            with self.subTest(text), self.assertLogs("autocached", "WARNING"):
                self.assert_refused(self.queue(text), "other")

    def test_one_with_a_copy_is_not_refused_and_is_found(self):
        self.unplug()
        self.assertIs(self.queue("a cat, embedding:bad"), self.given)
        self.assertIn(self.place, self.folders())

    def test_one_in_another_folder_is_not_refused(self):
        self.make_file("more", "deep", "other.safetensors")
        self.folder_paths.folder_names_and_paths["embeddings"][0].append(os.path.join(self.dir, "more"))
        self.unplug()
        self.assertIs(self.queue("embedding:other"), self.given)

    def test_a_name_with_brackets_or_after_a_blank_is_not_refused_while_its_file_is_there(self):
        self.make_file("more", "other(v2).safetensors")
        self.folder_paths.folder_names_and_paths["embeddings"][0].append(os.path.join(self.dir, "more"))
        self.unplug()
        for text in (
            "a (embedding:other\\(v2\\):1.2) cat",
            "embedding: other\\(v2\\), cat",
            "(embedding:other\\(v2\\):+1.2)",
            "(embedding:other\\(v2\\):1e-1)",
            "embedding:\nother\\(v2\\)",
        ):
            with self.subTest(text):
                self.assertIs(self.queue(text), self.given)

    def test_with_every_folder_there_comfyui_does_as_ever(self):
        self.folder_paths.folder_names_and_paths["embeddings"][0].append(self.make_folder("never-used"))
        self.look()
        self.assertIs(self.queue("embedding:other"), self.given)
        self.unplug()
        self.assertIs(self.queue("a cat"), self.given)

    def test_a_folder_that_was_away_when_comfyui_started_is_known_by_the_daemon(self):
        self.daemon.cached, self.daemon.health = [], {os.path.join(self.dir, "nas"): "away", os.path.join(self.dir, "none"): "missing"}
        folders = self.folder_paths.folder_names_and_paths["embeddings"][0]
        folders[:] = [os.path.join(self.dir, "none")]
        self.assertIs(self.queue("embedding:other"), self.given)
        self.folder = folders[0] = os.path.join(self.dir, "nas")
        self.look()
        self.assert_refused(self.queue("embedding:other"), "other")
