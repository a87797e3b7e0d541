"""A daemon and a ComfyUI that see the same folders at different places, as in containers: AUTOCACHE_PATH_MAP leads from one to the other."""

import contextlib
import importlib
import mmap
import os
import shutil
import sys
import unittest

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon


class Container(ComfyTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.finish, "autocached-stuck")
        self.source, self.copy = self.make_source_and_copy()
        self.embedding, self.embedding_copy = self.make_source_and_copy("embeddings", "bad.pt")
        self.folder_paths.folder_names_and_paths["embeddings"] = ([os.path.join(self.models, "embeddings")], {".pt"})
        # The daemon calls everything by names that nothing has here.
        self.daemon = FakeDaemon(self.state, {self.there(self.source): self.there(self.copy)})
        self.daemon.copies[self.there(self.embedding)] = self.there(self.embedding_copy)
        self.daemon.cached = [self.there(self.source), self.there(self.embedding)]
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.queue = importlib.import_module("server").PromptServer(None).prompt_queue
        pairs = ["%s=%s" % (self.there(place), place) for place in (self.models, self.ssd)]
        self.set_environment(
            AUTOCACHE_URL="http://127.0.0.1:%d" % self.daemon.port,
            AUTOCACHE_TOKEN_FILE=os.path.join(self.state, "token"),
            AUTOCACHE_PATH_MAP=";".join(pairs),
        )
        self.start_shim()
        sys.modules["autocached_comfyui.stuck"].LOOK_SECONDS = 0.02

    def there(self, path):
        return "/container" + path

    def test_a_node_opens_the_copy_at_the_place_where_comfyui_sees_it(self):
        self.assertEqual(self.load(), self.copy)
        self.assertEqual(self.daemon.lookups[0]["path"], self.there(self.source))
        told = {root["path"] for root in self.daemon.roots[0]["roots"]}
        self.assertIn(self.there(os.path.join(self.models, "checkpoints")), told)

    def test_models_of_a_folder_that_is_away_stay_in_the_list_and_embeddings_are_found(self):
        for folder in ("checkpoints", "embeddings"):
            shutil.move(os.path.join(self.models, folder), self.make_folder("elsewhere"))
        sys.modules["autocached_comfyui.hook"]._prefetch._heard()
        self.finish("autocached-offline")
        self.assertEqual(self.folder_paths.get_filename_list("checkpoints"), ["a.safetensors"])
        self.assertIn(os.path.join(self.ssd, "embeddings"), self.folder_paths.folder_names_and_paths["embeddings"][0])
        self.daemon.offline[("checkpoints", "a.safetensors")] = self.there(self.copy)
        self.assertEqual(self.load(), self.copy)

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells what is mapped")
    def test_the_daemon_hears_of_a_model_that_is_still_open_where_it_came_from_by_the_path_that_it_knows(self):
        self.daemon.ready.add(self.there(self.source))
        self.daemon.script.append({"reason": "COPYING", "job": {"id": 1, "state": "running"}})
        stuck = self.wrapper.autocached._stuck
        with self.mapped(self.source), self.assertLogs("autocached", "INFO") as logs:
            self.assertEqual(self.load(), self.source)
            stuck._look_after(0)
        self.assertEqual([source["path"] for source in self.daemon.open_sources[0]["sources"]], [self.there(self.source)])
        self.assertIn("%s was loaded from its source, and its copy is ready now" % self.source, "\n".join(logs.output))

    @contextlib.contextmanager
    def mapped(self, path):
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
            yield

    def test_leases_name_copies_as_the_daemon_does(self):
        self.addCleanup(self.finish, "autocached-leases")
        self.daemon.lease_ms = 40
        self.load()
        self.finish("autocached-leases")
        self.assertEqual(self.daemon.leases[-1]["end"], [self.there(self.copy)])


if __name__ == "__main__":
    unittest.main()
