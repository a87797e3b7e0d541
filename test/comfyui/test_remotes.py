"""Models that lie on a remote only: they are in the lists, and a loader gets a copy or an error that says why."""

import asyncio
import importlib
import json
import os
import shutil
import struct
import sys
import threading
from urllib.parse import quote

from fake_comfyui import SHIM, ComfyTest
from fake_daemon import FakeDaemon, send

WAITS = {"reason": "WAIT_TIMEOUT", "job": {"bytesDone": 1, "bytesTotal": 4, "etaMs": 1000, "status": "running"}}


class RemoteTest(ComfyTest):
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


class Remotes(RemoteTest):
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


class RemoteEmbeddings(RemoteTest):
    """Text encoders open embeddings by themselves, and leave out what they cannot read: they find copies and never placeholders."""

    def setUp(self):
        super().setUp()
        self.local = self.make_folder("models", "embeddings")
        self.folder_paths.folder_names_and_paths["embeddings"] = ([self.local], {".pt", ".safetensors"})
        self.far = self.make_placeholder("embeddings", "styles", "far-style.safetensors")
        self.copies = os.path.join(self.ssd, "files", "main-1")
        self.list_remotes({"name": "main", "path": self.remote, "category": None, "copies": self.copies})

    def start_shim(self):
        super().start_shim()
        self.server = importlib.import_module("server").PromptServer(None)
        self.run_file(os.path.join(SHIM, "__init__.py"))
        self.addCleanup(self.finish, "autocached-prefetch")

    def make_copy(self):
        path = self.make_file("ssd", "files", "main-1", "embeddings", "styles", "far-style.safetensors", content=b"y" * 1000)
        self.daemon.copies[self.far] = path
        return path

    def queue(self, text):
        """What ComfyUI goes on with when such a text is queued."""
        self.given = {"6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}}}
        found = self.server.trigger_on_prompt({"prompt": self.given})["prompt"]
        self.finish("autocached-prefetch")
        return found

    def assert_prompt_refused(self, found, *parts):
        refusal = self.nodes.NODE_CLASS_MAPPINGS[found["6"]["class_type"]]
        said = refusal.VALIDATE_INPUTS(**found["6"]["inputs"])
        for part in ("embedding far-style,", "lies on a remote only", *parts):
            self.assertIn(part, said)

    def folders(self):
        return list(self.folder_paths.folder_names_and_paths["embeddings"][0])

    def asked(self):
        return [question["path"] for question in self.daemon.lookups]

    def test_those_with_a_copy_are_listed_and_found_and_no_placeholder_is(self):
        self.make_placeholder("embeddings", "later.pt")
        self.make_copy()
        self.start_shim()
        self.assertEqual(self.names("embeddings"), ["styles/far-style.safetensors"])
        self.assertEqual(self.folders(), [self.local, os.path.join(self.copies, "embeddings")])
        self.assertIs(self.queue("a cat, embedding:far-style"), self.given)
        self.assertEqual(self.asked(), [])

    def test_one_without_a_copy_is_copied_when_a_prompt_names_it_also_for_a_text_encoder_that_was_loaded_before(self):
        self.start_shim()
        loaded = self.folder_paths.get_folder_paths("embeddings")
        self.assertEqual(list(loaded), [self.local])

        def answer(handler):
            copy = self.make_copy()
            return send(handler, 200, {"path": copy, "tier": "ssd", "reason": "HIT_AFTER_WAIT", "leaseMs": 0, "entry": 1, "job": None})

        self.daemon.misbehave = answer
        self.assertIs(self.queue("a (embedding:far-style:1.2) cat"), self.given)
        self.assertEqual(self.asked(), [self.far])
        self.assertEqual(list(loaded), [self.local, os.path.join(self.copies, "embeddings")])

    def test_one_that_is_not_there_in_time_is_refused_and_there_for_the_next_try(self):
        self.start_shim()
        goes_on = threading.Event()
        self.addCleanup(goes_on.set)

        def answer(handler):
            goes_on.wait(60)
            copy = self.make_copy()
            return send(handler, 200, {"path": copy, "tier": "ssd", "reason": "HIT_AFTER_WAIT", "leaseMs": 0, "entry": 1, "job": None})

        self.daemon.misbehave = answer
        sys.modules["autocached_comfyui.remote_embeddings"].FETCH_SECONDS = 0.01
        with self.assertLogs("autocached", "WARNING"):
            self.assert_prompt_refused(self.queue("embedding:far-style"), "it is being copied")
        goes_on.set()
        self.finish("autocached-fetch")
        self.assertIs(self.queue("embedding:far-style"), self.given)
        self.assertEqual(self.asked(), [self.far])

    def test_one_that_cannot_be_copied_is_refused_with_the_reason_of_the_daemon_and_tried_again(self):
        self.refuse("no route to the bucket")
        self.start_shim()
        for _ in range(2):
            with self.assertLogs("autocached", "WARNING"):
                self.assert_prompt_refused(self.queue("embedding:far-style"), "no route to the bucket")
        self.daemon.misbehave = None
        self.make_copy()
        self.wrapper.remotes.refresh()
        self.assertIs(self.queue("embedding:far-style"), self.given)

    def test_with_the_daemon_away_and_no_copy_it_is_refused(self):
        self.daemon.stop()
        self.start_shim()
        with self.assertLogs("autocached", "WARNING"):
            self.assert_prompt_refused(self.queue("embedding:far-style"), "autocached start")

    def test_a_copy_in_another_place_than_where_comfyui_looks_is_none(self):
        self.daemon.copies[self.far] = self.make_file("ssd", "far-style.safetensors", content=b"y" * 1000)
        self.start_shim()
        with self.assertLogs("autocached", "WARNING"):
            self.assert_prompt_refused(self.queue("embedding:far-style"))

    def test_one_that_is_in_a_local_folder_or_nowhere_is_left_to_comfyui(self):
        self.make_file("models", "embeddings", "far-style.pt")
        self.start_shim()
        for text in ("embedding:far-style", "embedding:unknown", "a cat"):
            with self.subTest(text):
                self.assertIs(self.queue(text), self.given)
        self.assertEqual(self.asked(), [])

    def test_a_remote_of_embeddings_only(self):
        self.make_copy()
        at = os.path.join(self.remote, "embeddings")
        self.list_remotes({"name": "main", "path": at, "category": "embeddings", "copies": os.path.join(self.copies, "embeddings")})
        self.start_shim()
        self.assertEqual(self.names("embeddings"), ["styles/far-style.safetensors"])

    def test_the_folder_of_copies_is_not_told_as_a_model_folder_and_leaves_with_the_shim(self):
        self.make_copy()
        self.start_shim()
        self.make_file("models", "checkpoints", "a.safetensors")
        self.load()
        told = [root["path"] for body in self.daemon.roots for root in body["roots"]]
        self.assertFalse([path for path in told if path.startswith(self.ssd)])
        sys.modules["autocached_comfyui.hook"].uninstall(self.folder_paths, self.wrapper)
        self.assertEqual(self.folders(), [self.local])
