"""A small ComfyUI in this process: fresh modules, the resolver started the way ComfyUI starts it, and a prompt worker."""

import asyncio
import compileall
import contextlib
import importlib
import importlib.machinery
import importlib.util
import logging
import os
import shutil
import sys
import tempfile
import threading
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
SHIM = os.path.abspath(os.path.join(HERE, "..", "..", "comfyui"))
FAKE = os.path.join(HERE, "fake")

sys.dont_write_bytecode = True
# Each test imports them anew; where the compiled ones lie elsewhere, they are compiled once.
if sys.pycache_prefix:
    for _directory in (SHIM, FAKE):
        compileall.compile_dir(_directory, quiet=1)
_read_code = importlib.machinery.SourceFileLoader.get_code
_codes = {}


def _get_code(loader, name):
    """Reads and unmarshals a module once for all tests, which takes longer than most of them."""
    if not loader.path.startswith((SHIM + os.sep, FAKE + os.sep)):
        return _read_code(loader, name)
    if loader.path not in _codes:
        _codes[loader.path] = _read_code(loader, name)
    return _codes[loader.path]


importlib.machinery.SourceFileLoader.get_code = _get_code
# Without a handler, logging prints warnings to stderr.
logging.getLogger("autocached").addHandler(logging.NullHandler())


def forget(*names):
    for loaded in list(sys.modules):
        if loaded.partition(".")[0] in names:
            del sys.modules[loaded]


class ComfyTest(unittest.TestCase):
    """Each test has its own ComfyUI with model folders, its own state directory and its own place for copies."""

    # Where ComfyUI's modules come from.
    fake = FAKE

    def setUp(self):
        self.addCleanup(self.finish, "autocached-given")
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="autocached-test-"))
        self.addCleanup(shutil.rmtree, self.dir)
        self.state, self.models, self.ssd = (self.make_folder(name) for name in ("state", "models", "ssd"))
        self.set_environment(AUTOCACHE_STATE=self.state)
        self.addCleanup(self.finish_registration)
        self.addCleanup(forget, "folder_paths", "comfy", "comfy_execution", "server", "latent_preview", "app", "nodes", "aiohttp", "autocached_comfyui")
        sys.path.insert(0, self.fake)
        self.addCleanup(sys.path.remove, self.fake)
        self.folder_paths = importlib.import_module("folder_paths")
        self.original = self.folder_paths.get_full_path
        for category in ("checkpoints", "text_encoders", "vae_approx"):
            self.folder_paths.folder_names_and_paths[category] = ([self.make_folder("models", category)], {".safetensors"})
        self.folder_paths.folder_names_and_paths["custom_nodes"] = ([self.make_folder("custom_nodes")], set())
        self.folder_paths.folder_names_and_paths["configs"] = ([self.make_folder("models", "configs")], {".yaml"})

    def start_shim(self, shim=SHIM, settled=True):
        """What main.py does with the script of a custom node, and then with the node itself; `settled`: and its threads have ended."""
        for file in ("prestartup_script.py", "__init__.py"):
            module = self.run_file(os.path.join(shim, file))
        self.wrapper = self.folder_paths.get_full_path
        self.addCleanup(lambda wrapper: wrapper.offline.close(), self.wrapper)
        self.addCleanup(lambda wrapper: wrapper.remotes.close(), self.wrapper)
        # A busy machine can take longer than the true time-outs, which only the tests of a hung daemon need.
        sys.modules["autocached_comfyui.daemon"].CONNECT_SECONDS = 60.0
        sys.modules["autocached_comfyui.daemon"].PROOF_SECONDS = 60.0
        sys.modules["autocached_comfyui.resolver"].ANSWER_SECONDS = 60.0
        sys.modules["autocached_comfyui.leases"].TELL_SECONDS = 0.02
        sys.modules["autocached_comfyui.offline"].AGAIN_SECONDS = 0.02
        sys.modules["autocached_comfyui.embeddings"].LOOK_SECONDS = 60.0
        sys.modules["autocached_comfyui.embeddings"].COPIES_SECONDS = 60.0
        sys.modules["autocached_comfyui.remote_embeddings"].FETCH_SECONDS = 60.0
        self.start_others()
        if settled:
            self.finish("autocached-offline")
            self.finish_registration()
        return module

    def run_file(self, path):
        spec = importlib.util.spec_from_file_location(os.path.splitext(path)[0], path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module

    def start_others(self):
        """What ComfyUI imports after the scripts of custom nodes have run."""
        importlib.import_module("comfy_execution.utils")
        importlib.import_module("server")
        self.nodes = importlib.import_module("nodes")

    def in_node(self, work, prompt="prompt-1", node="4"):
        """Runs `work` as ComfyUI runs a node: in the worker thread, on that thread's own loop, with the executing context."""
        context = sys.modules["comfy_execution.utils"].CurrentNodeContext

        async def execute():
            with context(prompt, node):
                return work()

        return in_thread(lambda: asyncio.run(execute()))

    def load(self, category="checkpoints", name="a.safetensors"):
        """What a loader node opens. Waits for the thread that tells the daemon the model folders, so that no test races it."""
        path = self.in_node(lambda: self.nodes.load(category, name))
        self.finish_registration()
        return path

    def finish_registration(self):
        self.finish("autocached-roots")

    def finish(self, name):
        for thread in threading.enumerate():
            if thread.name == name:
                thread.join()

    def make_folder(self, *parts):
        path = os.path.join(self.dir, *parts)
        os.makedirs(path, exist_ok=True)
        return path

    def make_file(self, *parts, content=b"weights of a model"):
        path = os.path.join(self.dir, *parts)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def make_source_and_copy(self, category="checkpoints", name="a.safetensors"):
        source = self.make_file("models", category, name)
        copy = self.make_file("ssd", category, name)
        at = os.stat(source).st_mtime_ns
        os.utime(copy, ns=(at, at))
        return source, copy

    def set_environment(self, **values):
        before = {key: os.environ.get(key) for key in values}
        self.addCleanup(_set_environment, before)
        _set_environment(values)

    @contextlib.contextmanager
    def no_log_line(self, level="WARNING"):
        with self.assertLogs("autocached", level) as logs:
            yield
            logging.getLogger("autocached").critical("the end")
        self.assertEqual(logs.output[:-1], [])

    @contextlib.contextmanager
    def no_error_in_the_resolver(self):
        with self.assertLogs("autocached", "DEBUG") as logs:
            yield
        self.assertEqual([record.getMessage() for record in logs.records if record.exc_info], [])

    @contextlib.contextmanager
    def one_log_line(self, level="WARNING"):
        with self.assertLogs("autocached", level) as logs:
            yield logs
        self.assertEqual(len(logs.output), 1, logs.output)
        # ComfyUI prints the message alone, without the logger's name.
        self.assertTrue(logs.records[0].getMessage().startswith("autocached: "), logs.output)


def in_thread(work):
    """The result of `work`, or what it raised, from a thread that is not the main thread."""
    outcome = {}

    def run():
        try:
            outcome["value"] = work()
        except BaseException as error:
            outcome["error"] = error

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if "error" in outcome:
        raise outcome["error"]
    return outcome["value"]


def _set_environment(values):
    for key, value in values.items():
        os.environ.pop(key, None)
        if value is not None:
            os.environ[key] = value
