"""The disk or the share with the models is away, and copies of them are there."""

import os
import shutil
import sys

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon


class Offline(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.root = os.path.dirname(self.source)
        self.make_file("models", "more", "b.safetensors")
        self.folder_paths.folder_names_and_paths["checkpoints"][0].append(os.path.join(self.models, "more"))
        self.daemon = FakeDaemon(self.state, {})
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
        self.look()
        expected = [os.path.join("sub", os.path.basename(path)) for path in many]
        self.assertEqual(self.names(), ["b.safetensors", *expected])

    def test_comfyui_lists_its_folder_anew_when_it_is_back(self):
        self.go_away()
        self.look()
        self.make_file("elsewhere", "checkpoints", "new.safetensors")
        os.remove(os.path.join(self.dir, "elsewhere", "checkpoints", "a.safetensors"))
        self.come_back()
        self.assertEqual(self.names(), ["b.safetensors", "new.safetensors"])
        self.look()
        self.assertEqual(self.names(), ["b.safetensors", "new.safetensors"])

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


class Embeddings(ComfyTest):
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
