"""Models that lie on a remote only: they are in the lists, and a loader gets a copy or an error that says why."""

import asyncio
import json
import os
import shutil
import struct
import sys
import threading
from urllib.parse import quote

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon, send

WAITS = {"reason": "WAIT_TIMEOUT", "job": {"bytesDone": 1, "bytesTotal": 4, "etaMs": 1000, "status": "running"}}


class Remotes(ComfyTest):
    def setUp(self):
        super().setUp()
        self.remote = self.make_folder("state", "remotes", "main-1")
        self.placeholder = self.make_placeholder("checkpoints", "far.safetensors")
        self.copy = self.make_file("ssd", "checkpoints", "far.safetensors", content=b"x" * 1000)
        self.list_remotes({"name": "main", "path": self.remote, "category": None})
        self.daemon = FakeDaemon(self.state)
        self.addCleanup(self.daemon.stop)
        self.daemon.start()

    def start_shim(self):
        super().start_shim()
        self.wait_for_headers(60.0)

    def wait_for_headers(self, seconds):
        sys.modules["autocached_comfyui.remote_headers"].WAIT_SECONDS = seconds

    def make_placeholder(self, *parts, size=1000):
        path = self.make_file("state", "remotes", "main-1", *parts, content=b"autocached placeholder: this model lies in s3://bucket.\n")
        os.truncate(path, size)
        os.chmod(path, 0)
        return path

    def list_remotes(self, *folders):
        self.make_file("state", "remotes", "folders.json", content=json.dumps({"folders": folders}).encode())

    def names(self, category="checkpoints"):
        return self.folder_paths.get_filename_list(category)

    def refuse(self, message):
        self.daemon.misbehave = lambda handler: send(handler, 409, {"error": {"code": "NO_COPY", "message": message, "hint": None}})

    def assert_refused(self, text, *args):
        with self.assertRaisesRegex(Exception, text) as caught:
            self.load(*args)
        self.assertEqual(type(caught.exception).__name__, "NoCopy")

    def test_they_are_listed_beside_the_others(self):
        self.make_source_and_copy()
        self.start_shim()
        self.assertEqual(sorted(self.names()), ["a.safetensors", "far.safetensors"])

    def test_a_loader_gets_the_copy(self):
        self.daemon.copies[self.placeholder] = self.copy
        self.start_shim()
        self.assertEqual(self.load(name="far.safetensors"), self.copy)

    def test_a_loader_waits_for_the_copy(self):
        self.daemon.script = [WAITS, WAITS, {"path": self.copy, "tier": "ssd", "reason": "HIT_AFTER_WAIT"}]
        self.start_shim()
        self.assertEqual(self.load(name="far.safetensors"), self.copy)
        self.assertEqual([question["waitMs"] for question in self.daemon.lookups], [600_000] * 3)

    def test_without_a_copy_the_error_is_the_sentence_of_the_daemon(self):
        self.refuse("far.safetensors lies on a remote only, and there is no copy of it: no route to the bucket (ERROR)")
        self.start_shim()
        self.assert_refused("no route to the bucket", "checkpoints", "far.safetensors")

    def test_such_an_error_is_no_trouble_with_the_daemon(self):
        source, copy = self.make_source_and_copy()
        self.daemon.copies[source] = copy
        self.refuse("no route")
        self.start_shim()
        self.assert_refused("no route", "checkpoints", "far.safetensors")
        self.daemon.misbehave = None
        self.assertEqual(self.load(), copy)

    def test_an_answer_with_the_placeholder_is_not_taken(self):
        for reason in ("QUEUED", "OFF", "ERROR"):
            self.daemon.script.append({"path": self.placeholder, "reason": reason})
        self.start_shim()
        for _ in range(3):
            self.assert_refused("lies on a remote only", "checkpoints", "far.safetensors")

    def test_with_the_daemon_away_it_is_refused_with_what_to_do(self):
        self.daemon.stop()
        self.start_shim()
        self.assert_refused("autocached start", "checkpoints", "far.safetensors")

    def test_a_busy_daemon_is_given_time_and_asked_again(self):
        late = []

        def answer(handler):
            late.append(handler)
            if len(late) < 3:
                sys.modules["autocached_comfyui.resolver"].PATIENT_SECONDS = 60.0 if len(late) == 2 else 0.05
                return self.closed.wait(60)
            return send(handler, 200, {"path": self.copy, "tier": "ssd", "reason": "HIT", "leaseMs": 0, "entry": 1, "job": None})

        self.closed = threading.Event()
        self.addCleanup(self.closed.set)
        self.start_shim()
        sys.modules["autocached_comfyui.resolver"].PATIENT_SECONDS = 0.05
        sys.modules["autocached_comfyui.resolver"].SLICE_MS = sys.modules["autocached_comfyui.resolver"].FIRST_SLICE_MS = 0
        self.daemon.misbehave = answer
        self.assertEqual(self.load(name="far.safetensors"), self.copy)
        self.assertEqual(len(late), 3)

    def test_who_is_no_node_asks_nobody(self):
        self.start_shim()
        self.assertEqual(self.folder_paths.get_full_path("checkpoints", "far.safetensors"), self.placeholder)
        self.assertEqual(self.daemon.lookups, [])

    def test_the_daemon_is_not_told_that_its_own_folders_are_model_folders(self):
        self.start_shim()
        told = [root["path"] for body in self.daemon.roots for root in body["roots"]]
        self.assertTrue(told)
        self.assertFalse([path for path in told if path.startswith(self.remote)])

    def test_a_new_category_and_a_removed_remote_show_in_the_lists(self):
        self.start_shim()
        self.make_placeholder("clip", "t5.safetensors")
        self.wrapper.remotes.refresh()
        self.assertEqual(self.names("text_encoders"), ["t5.safetensors"])
        self.list_remotes()
        shutil.rmtree(self.remote)
        self.wrapper.remotes.refresh()
        self.assertEqual((self.names("text_encoders"), self.names()), ([], []))

    def test_a_remote_of_one_category(self):
        self.make_placeholder("deep", "v.safetensors")
        self.list_remotes({"name": "main", "path": self.remote, "category": "vae_approx"})
        self.start_shim()
        self.assertEqual(sorted(self.names("vae_approx")), ["checkpoints/far.safetensors", "deep/v.safetensors"])

    def test_folders_of_unknown_categories_and_links_are_left_alone(self):
        self.make_placeholder("unheard_of", "x.safetensors")
        os.symlink(self.models, os.path.join(self.remote, "vae_approx"))
        before = list(self.folder_paths.folder_names_and_paths)
        self.start_shim()
        self.assertEqual(list(self.folder_paths.folder_names_and_paths), before)
        self.assertEqual(self.names("vae_approx"), [])

    def test_uninstalling_takes_the_folders_away(self):
        self.start_shim()
        sys.modules["autocached_comfyui.hook"].uninstall(self.folder_paths, self.wrapper)
        self.assertEqual(self.names(), [])

    def test_a_file_that_a_user_put_there_is_a_file(self):
        own = self.make_file("state", "remotes", "main-1", "checkpoints", "own.safetensors")
        self.start_shim()
        self.assertEqual(self.load(name="own.safetensors"), own)

    def metadata(self, name="far.safetensors"):
        """What ComfyUI's page about a model reads: the path, and the header in that file."""
        path = asyncio.run(sys.modules["server"].view_metadata("checkpoints", name))
        with open(path, "rb") as file:
            length = struct.unpack("<Q", file.read(8))[0]
            return path, file.read(length), file.read()

    def test_the_page_about_a_model_has_the_true_header_and_nothing_else(self):
        header = {"__metadata__": {"trigger": "a cat"}, "a": {"dtype": "F16", "shape": [1], "data_offsets": [0, 2]}}
        self.daemon.answers["/api/remote/header"] = (200, {"path": self.placeholder, "size": 1000, "header": header})
        self.start_shim()
        path, text, more = self.metadata()
        self.assertEqual((json.loads(text), more), (header, b""))
        self.metadata()
        asked = [route for route, _ in self.daemon.asked if route.startswith("/api/remote/header")]
        self.assertEqual(asked, ["/api/remote/header?path=" + quote(self.placeholder, safe="")])
        self.assertFalse(path.startswith(self.remote))
        self.assertEqual(os.stat(self.placeholder).st_mode & 0o777, 0)

    def test_without_a_header_the_page_gets_what_comfyui_found_and_asks_again_the_next_time(self):
        error = {"error": {"code": "SOURCE_AWAY", "message": "no route", "hint": None}}
        self.daemon.answers["/api/remote/header"] = (503, error)
        self.start_shim()
        page = lambda: asyncio.run(sys.modules["server"].view_metadata("checkpoints", "far.safetensors"))
        self.assertEqual([page(), self.finish("autocached-header"), page()], [self.placeholder, None, self.placeholder])
        self.finish("autocached-header")
        self.assertEqual(len(self.daemon.asked), 2)

    def test_the_page_never_waits_long_for_a_header(self):
        self.daemon.answers["/api/remote/header"] = (200, {"header": {}})
        self.start_shim()
        self.daemon.hear_others.clear()
        self.wait_for_headers(0.01)
        page = lambda: asyncio.run(sys.modules["server"].view_metadata("checkpoints", "far.safetensors"))
        self.assertEqual(page(), self.placeholder)
        self.daemon.hear_others.set()
        self.finish("autocached-header")
        self.assertEqual(self.metadata()[1], b"{}")

    def test_a_loader_never_gets_a_header(self):
        self.daemon.answers["/api/remote/header"] = (200, {"header": {}})
        self.start_shim()
        self.metadata()
        self.refuse("no route")
        self.assert_refused("no route", "checkpoints", "far.safetensors")


class Variants(ComfyTest):
    """Smaller models that were made of others: files in a folder of the daemon's."""

    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.state)
        self.addCleanup(self.daemon.stop)
        self.daemon.start()

    def make_variant(self, name):
        path = self.make_file("ssd", "variants", "checkpoints", name, content=b"y" * 500)
        folders = [{"name": "variants", "path": os.path.join(self.ssd, "variants"), "category": None}]
        self.make_file("state", "variants", "folders.json", content=json.dumps({"folders": folders}).encode())
        return path

    def test_a_variant_is_listed_and_loaded_under_its_own_name_only(self):
        variant = self.make_variant("a.autocached-fp8.safetensors")
        source, _ = self.make_source_and_copy()
        self.start_shim()
        names = self.folder_paths.get_filename_list("checkpoints")
        self.assertEqual(sorted(names), ["a.autocached-fp8.safetensors", "a.safetensors"])
        self.assertEqual(self.load(name="a.autocached-fp8.safetensors"), variant)
        self.assertNotEqual(self.load(name="a.safetensors"), variant)

    def test_the_first_one_is_seen_while_comfyui_runs(self):
        # As a daemon that has made none leaves it.
        self.make_file("state", "variants", "folders.json", content=b'{"folders": []}')
        self.start_shim()
        self.assertIn("autocached-remotes", [thread.name for thread in threading.enumerate()])
        self.make_variant("b.autocached-auto8.safetensors")
        self.wrapper.remotes.refresh()
        self.assertIn("b.autocached-auto8.safetensors", self.folder_paths.get_filename_list("checkpoints"))

    def test_its_folder_is_no_model_folder_of_the_user(self):
        self.make_variant("a.autocached-fp8.safetensors")
        self.start_shim()
        folder = os.path.join(self.ssd, "variants", "checkpoints")
        self.assertIn(folder, self.wrapper.remotes.folders)

    def test_a_list_whose_folder_is_away_takes_no_other_one_away(self):
        self.make_variant("a.autocached-fp8.safetensors")
        self.make_file("state", "remotes", "folders.json", content=json.dumps({"folders": [{"name": "x", "path": "/nowhere/at/all", "category": None}]}).encode())
        self.start_shim()
        self.assertIn("a.autocached-fp8.safetensors", self.folder_paths.get_filename_list("checkpoints"))
