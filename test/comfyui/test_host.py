"""What the resolver leaves alone in ComfyUI, and what it leaves behind."""

import asyncio
import importlib
import os
import shutil
import signal
import subprocess
import sys
import threading

from fake_comfyui import FAKE, SHIM, ComfyTest, in_thread
from fake_daemon import FakeDaemon


class Host(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.addCleanup(self.daemon.stop)
        self.daemon.start()

    def test_the_asset_scanner_sees_the_users_own_paths_and_asks_nothing(self):
        self.start_shim()
        scanner = importlib.import_module("app.assets.scanner")
        self.assertEqual(in_thread(scanner.collect_models_files), [self.source])
        # Even while a node runs, as when it starts a scan itself.
        self.assertEqual(self.in_node(scanner.collect_models_files), [self.source])
        self.assertEqual(self.in_node(lambda: scanner.find("checkpoints", "a.safetensors")), self.source)
        self.assertEqual(self.daemon.lookups, [])

    def test_reading_a_header_for_the_browser_is_not_a_use(self):
        self.start_shim()
        server = sys.modules["server"]
        self.assertEqual(asyncio.run(server.view_metadata("checkpoints", "a.safetensors")), self.source)
        self.assertEqual(self.daemon.lookups, [])

    def test_the_daemon_hears_of_which_class_the_node_is_that_asks(self):
        self.start_shim()
        queue = sys.modules["server"].PromptServer(None).prompt_queue
        self.load()
        queue.put((0, "prompt-1", {"4": {"class_type": "CheckpointLoader", "inputs": {}}, "5": {"inputs": {}}}, {}, ["4"], {}))
        queue.get()
        # Another node has made the third while it ran.
        for node in ("4", "5", "4.0.1"):
            self.in_node(lambda: self.nodes.load("checkpoints", "a.safetensors"), node=node)
        self.in_node(lambda: self.nodes.load("checkpoints", "a.safetensors"), prompt="another")
        told = [lookup["client"].get("nodeClass") for lookup in self.daemon.lookups]
        self.assertEqual(told, [None, "CheckpointLoader", None, None, None])

    def test_a_preview_decoder_is_not_asked_for_at_each_sampling(self):
        self.start_shim()
        source, copy = self.make_source_and_copy("vae_approx", "taesd_decoder.safetensors")
        self.daemon.copies[source] = copy
        preview = importlib.import_module("latent_preview")
        self.assertEqual(self.in_node(lambda: preview.get_previewer("taesd_decoder.safetensors")), source)
        self.assertIsNone(self.in_node(lambda: preview.get_previewer("")))
        self.assertEqual(self.daemon.lookups, [])

    def test_nothing_is_asked_while_no_prompt_runs(self):
        self.start_shim()
        for ask in (self.nodes.load, self.nodes.load_or_none):
            self.assertEqual(ask("checkpoints", "a.safetensors"), self.source)
            self.assertEqual(in_thread(lambda: ask("checkpoints", "a.safetensors")), self.source)
        self.assertEqual(self.daemon.lookups, [])

    def test_the_servers_event_loop_never_waits_for_the_daemon(self):
        self.start_shim()
        context = sys.modules["comfy_execution.utils"].CurrentNodeContext

        async def validate():
            sys.modules["server"].PromptServer(asyncio.get_running_loop())
            with context("prompt-1", "4"):
                return self.nodes.load("checkpoints", "a.safetensors")

        self.assertEqual(asyncio.run(validate()), self.source)
        # The same where the server's loop runs in another thread, and while the server is still being made.
        self.assertEqual(in_thread(lambda: asyncio.run(validate())), self.source)
        sys.modules["server"].PromptServer.instance = None
        self.assertEqual(asyncio.run(self._validate_without_server(context)), self.source)
        self.assertEqual(self.daemon.lookups, [])
        self.assertEqual(self.load(), self.copy)

    async def _validate_without_server(self, context):
        with context("prompt-1", "4"):
            return self.nodes.load("checkpoints", "a.safetensors")

    def test_an_old_comfyui_without_an_executing_context_is_served_in_its_worker_thread(self):
        self.start_shim()
        del sys.modules["comfy_execution.utils"]
        scanner = importlib.import_module("app.assets.scanner")
        self.assertEqual(in_thread(lambda: self.nodes.load("checkpoints", "a.safetensors")), self.copy)
        self.assertEqual(self.nodes.load("checkpoints", "a.safetensors"), self.source)
        self.assertEqual(in_thread(scanner.collect_models_files), [self.source])
        header = lambda: asyncio.run(sys.modules["server"].view_metadata("checkpoints", "a.safetensors"))
        self.assertEqual(in_thread(header), self.source)
        self.assertEqual([lookup["client"] for lookup in self.daemon.lookups], [{"app": "comfyui", "pid": os.getpid()}])

    def test_a_name_that_leads_out_of_the_model_folders_finds_nothing(self):
        self.start_shim()
        secret = self.make_file("secret.safetensors")
        self.daemon.copies[secret] = self.make_file("ssd", "secret.safetensors")
        before = sorted(os.listdir(self.dir))
        for name in ("../../secret.safetensors", "../" * 9 + secret, secret, "../checkpoints/../../secret.safetensors"):
            with self.subTest(name):
                self.assertIsNone(self.in_node(lambda: self.nodes.load_or_none("checkpoints", name)))
        self.assertEqual(self.load(name="../../a.safetensors"), self.copy)
        asked = [lookup["path"] for lookup in self.daemon.lookups if "path" in lookup]
        self.assertEqual(asked, [self.source])
        names = [lookup["name"] for lookup in self.daemon.lookups]
        self.assertFalse([name for name in names if name.startswith("..") or os.path.isabs(name)])
        self.assertEqual(sorted(os.listdir(self.dir)), before)

    def test_whoever_imports_the_function_by_name_gets_the_copies_too(self):
        by_name_before = self.folder_paths.get_full_path_or_raise
        self.start_shim()
        from folder_paths import get_full_path, get_full_path_or_raise

        for ask in (by_name_before, get_full_path, get_full_path_or_raise):
            self.assertEqual(self.in_node(lambda: ask("checkpoints", "a.safetensors")), self.copy)

    def test_keyword_arguments_work_as_before(self):
        self.start_shim()
        ask = lambda: self.folder_paths.get_full_path(folder_name="checkpoints", filename="a.safetensors")
        self.assertEqual(self.in_node(ask), self.copy)
        with self.assertRaises(TypeError):
            self.folder_paths.get_full_path("checkpoints")

    def test_the_wrapper_can_be_recognized_and_unwrapped(self):
        self.start_shim()
        self.assertIs(self.wrapper.__wrapped__, self.original)
        self.assertEqual(self.wrapper.__name__, "get_full_path")

    def test_a_second_copy_of_the_shim_does_not_wrap_again(self):
        self.start_shim()
        first = self.wrapper
        self.start_shim()
        sys.modules["autocached_comfyui.hook"].install(self.folder_paths, SHIM)
        self.assertIs(self.folder_paths.get_full_path, first)

    def test_uninstall_restores_everything(self):
        self.start_shim()
        hook = sys.modules["autocached_comfyui.hook"]
        self.assertTrue(hook.uninstall(self.folder_paths, self.wrapper))
        self.assertIs(self.folder_paths.get_full_path, self.original)
        # Whoever kept the wrapper has a plain pass-through.
        self.assertEqual(self.in_node(lambda: self.wrapper("checkpoints", "a.safetensors")), self.source)
        self.assertEqual(self.daemon.lookups, [])

    def test_uninstall_does_not_take_out_the_wrapper_of_another_node(self):
        self.start_shim()
        theirs = lambda *args: self.wrapper(*args)
        self.folder_paths.get_full_path = theirs
        self.assertFalse(sys.modules["autocached_comfyui.hook"].uninstall(self.folder_paths, self.wrapper))
        self.assertIs(self.folder_paths.get_full_path, theirs)
        self.assertEqual(self.in_node(lambda: theirs("checkpoints", "a.safetensors")), self.source)

    def test_signals_and_environment_stay_as_they_were(self):
        handlers = {number: signal.getsignal(number) for number in signal.valid_signals()}
        environment = dict(os.environ)
        patched = dict(vars(self.folder_paths))
        self.addCleanup(setattr, sys, "dont_write_bytecode", sys.dont_write_bytecode)
        self.addCleanup(setattr, sys, "pycache_prefix", sys.pycache_prefix)
        sys.dont_write_bytecode, sys.pycache_prefix = False, self.make_folder("compiled")
        self.start_shim()
        self.assertEqual({number: signal.getsignal(number) for number in handlers}, handlers)
        self.assertEqual((dict(os.environ), sys.dont_write_bytecode), (environment, False))
        self.finish_registration()
        self.assertEqual([thread.name for thread in threading.enumerate() if thread.name.startswith("autocached")], [])
        changed = [key for key, value in vars(self.folder_paths).items() if patched.get(key) is not value]
        self.assertEqual(changed, ["get_full_path"])

    def test_there_is_one_node(self):
        self.assertEqual(list(self.start_shim().NODE_CLASS_MAPPINGS), ["AutocachedPath"])

    def test_comfyuis_model_folders_are_told_once_and_again_after_a_restart(self):
        self.start_shim()
        self.load()
        self.load()
        expected = [{"path": os.path.join(self.models, category), "category": category} for category in ("checkpoints", "text_encoders", "vae_approx")]
        self.assertEqual(self.daemon.roots, [{"origin": "comfyui", "roots": expected}])
        self.daemon.stop()
        again = FakeDaemon(self.state, {self.source: self.copy}, pid=2)
        self.addCleanup(again.stop)
        again.start()
        self.load()
        self.assertEqual(again.roots, self.daemon.roots)
        # One that took over the port and the token of the last.
        again.pid = 3
        again.announce()
        self.load()
        self.assertEqual(len(again.roots), 2)

    def test_a_daemon_that_is_slow_to_hear_of_the_folders_holds_no_lookup_up(self):
        self.daemon.hear_roots.clear()
        self.addCleanup(self.daemon.hear_roots.set)
        self.start_shim(settled=False)
        ask = lambda: [self.nodes.load("checkpoints", "a.safetensors") for _ in range(3)]
        self.assertEqual(self.in_node(ask), [self.copy] * 3)
        self.assertEqual(self.daemon.roots, [])
        self.daemon.hear_roots.set()
        self.load()
        self.assertEqual(len(self.daemon.roots), 1)

    def test_the_daemon_knows_the_folders_before_the_first_prompt(self):
        self.start_shim()
        self.finish_registration()
        self.assertEqual(len(self.daemon.roots), 1)
        self.assertEqual(self.daemon.lookups, [])

    def test_folders_that_custom_nodes_add_are_told_too(self):
        self.start_shim()
        self.finish_registration()
        self.folder_paths.folder_names_and_paths["ultralytics"] = ([self.make_folder("models", "ultralytics")], {".pt"})
        self.load()
        self.load()
        self.assertEqual([len(told["roots"]) for told in self.daemon.roots], [3, 4])

    def test_the_first_lookup_of_a_daemon_that_started_later_waits_until_it_knows_the_folders(self):
        self.daemon.stop()
        self.start_shim()
        self.daemon.start()
        self.daemon.script = [{"reason": "BYPASS_UNKNOWN_ROOT"}]
        self.assertEqual(self.load(), self.copy)
        self.assertEqual((len(self.daemon.roots), len(self.daemon.lookups)), (1, 2))

    def test_a_file_that_lies_below_no_root_is_asked_for_once(self):
        self.start_shim()
        self.finish_registration()
        self.daemon.script = [{"reason": "BYPASS_UNKNOWN_ROOT"}]
        self.assertEqual(self.load(), self.source)
        self.assertEqual(len(self.daemon.lookups), 1)

    def test_a_daemon_that_refuses_the_folders_is_told_again_a_minute_later(self):
        self.daemon.stop()
        self.start_shim()
        registration = self.wrapper.autocached.registration
        now = [100.0]
        registration._clock = lambda: now[0]
        self.daemon.roots_status = 500
        self.daemon.start()
        with self.one_log_line():
            for _ in range(3):
                self.load()
        self.assertEqual(len(self.daemon.roots), 1)
        self.daemon.roots_status = 200
        now[0] += 60
        self.load()
        self.load()
        self.assertEqual(len(self.daemon.roots), 2)

    def test_a_daemon_that_died_before_it_heard_of_the_folders_does_not_keep_the_next_one_waiting(self):
        self.daemon.roots_status = 500
        self.start_shim()
        self.load()
        self.daemon.stop()
        again = FakeDaemon(self.state, {self.source: self.copy}, pid=2)
        self.addCleanup(again.stop)
        again.start()
        self.load()
        self.assertEqual(len(again.roots), 1)

    def test_nothing_is_printed_and_no_file_is_written(self):
        """In a process of its own: in an empty directory, with Python free to write .pyc files."""
        shim = os.path.join(self.dir, "custom_nodes", "autocached")
        shutil.copytree(SHIM, shim, ignore=shutil.ignore_patterns("__pycache__"))
        empty, compiled = self.make_folder("empty"), self.make_folder("compiled")
        program = "import runpy, sys; sys.path.insert(0, %r); runpy.run_path(%r)" % (
            FAKE,
            os.path.join(shim, "prestartup_script.py"),
        )
        program += "; import folder_paths; assert hasattr(folder_paths.get_full_path, 'autocached')"
        environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
        environment["PYTHONPYCACHEPREFIX"] = compiled
        done = subprocess.run(
            [sys.executable, "-c", program], cwd=empty, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertEqual(os.listdir(empty), [])
        written = [os.path.join(folder, file) for folder, _, files in os.walk(compiled) for file in files]
        self.assertTrue([file for file in written if "folder_paths" in file], "Python wrote no .pyc at all")
        self.assertEqual([file for file in written if "autocached" in os.path.relpath(file, compiled).split(os.sep)], [])
