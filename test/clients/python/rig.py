"""Real daemons for the tests of the Python package, and programs in processes of their own."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
import tracemalloc
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
CLIENT = os.path.join(PROJECT, "clients", "python")
sys.path[:0] = [CLIENT, HERE]

import autocached.daemon  # noqa: E402

with open(os.path.join(PROJECT, "package.json"), encoding="utf-8") as _file:
    VERSION = json.load(_file)["version"]

# A busy machine answers late; what hangs in a test hangs for good.
autocached.daemon.ANSWER_SECONDS = autocached.daemon.STORE_SECONDS = 60.0


class RealDaemon:
    def __init__(self, **settings: str):
        self.dir = os.path.realpath(tempfile.mkdtemp(prefix="autocached-test-"))
        self.state = os.path.join(self.dir, "state")
        self.models = os.path.join(self.dir, "models")
        os.mkdir(self.models)
        self._settings = settings
        self.start()

    def start(self) -> None:
        env = {
            "PATH": os.environ.get("PATH", ""),
            "NODE_COMPILE_CACHE": os.environ.get("NODE_COMPILE_CACHE", ""),
            "HOME": self.dir,
            "AUTOCACHE_DIR": os.path.join(self.dir, "cache"),
            "AUTOCACHE_STATE": self.state,
            "AUTOCACHE_ROOTS": self.models + "=hdd",
            "AUTOCACHE_LISTEN": "127.0.0.1:0",
            "AUTOCACHE_MIN_FREE": "1",
            "AUTOCACHE_MIN_SIZE": "1",
            "AUTOCACHE_LOG": "error",
            **self._settings,
        }
        node = os.environ.get("AUTOCACHED_NODE", "node")
        program = os.environ.get("AUTOCACHED_PROGRAM", os.path.join(PROJECT, "bin", "autocached.ts"))
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        self.process = subprocess.Popen([node, program, "start"], cwd=self.dir, env=env, **pipes)
        if not self.process.stdout.readline():
            raise RuntimeError("the daemon did not start: " + self.process.stderr.read().decode())

    def stop(self, how: int = signal.SIGTERM) -> None:
        if self.process.poll() is None:
            if hasattr(signal, "SIGCONT"):
                self.process.send_signal(signal.SIGCONT)
            self.process.send_signal(how)
        self.process.communicate()

    def hang(self) -> None:
        self.process.send_signal(signal.SIGSTOP)

    def end(self) -> None:
        self.stop()
        shutil.rmtree(self.dir, ignore_errors=True)

    def ask(self, route: str, body: dict | None = None) -> dict:
        """Asks the daemon as any program can."""
        daemon = autocached.daemon.Daemon(self.state, "tests fail")
        if body is not None:
            return daemon.post(route, body)
        return json.loads(daemon.call(autocached.daemon.Request("GET", route), 60.0).body)

    def change(self, namespace: str, settings: dict) -> None:
        request = autocached.daemon.Request("PUT", "/api/memo/namespaces/" + namespace, json.dumps(settings).encode())
        autocached.daemon.Daemon(self.state, "tests fail").put(request)

    def stats(self) -> dict:
        return self.ask("/api/cache/stats?plane=memo")

    def program(self, text: str, *arguments: str) -> subprocess.Popen:
        """A Python program in a process of its own; its standard output is a pipe of text."""
        head = "import os, sys, time\nsys.path.insert(0, %r)\nimport rig\nfrom autocached import *\nSTATE = %r\n" % (
            HERE,
            self.state,
        )
        command = [sys.executable, "-u", "-c", head + textwrap.dedent(text), *arguments]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def output(self, text: str, *arguments: str) -> str:
        running = self.program(text, *arguments)
        out, _ = running.communicate()
        if running.returncode != 0:
            raise AssertionError("the program has ended with %d: %s" % (running.returncode, out))
        return out


class DaemonTest(unittest.TestCase):
    """Its tests share one daemon, and have a namespace each."""

    settings: dict[str, str] = {}

    @classmethod
    def setUpClass(cls):
        cls.daemon = RealDaemon(**cls.settings)
        cls.addClassCleanup(cls.daemon.end)

    def setUp(self):
        self.memo = autocached.Memo(self.id().replace("<", "").replace(">", "")[-100:], state=self.daemon.state)

    def temp_dir(self) -> str:
        directory = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, directory)
        return directory


def most_allocated(work) -> int:
    """The most bytes that work had allocated at a time, those of numpy among them."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


class Counter:
    """Counts calls; a file counts those of all processes."""

    def __init__(self):
        self.calls: list = []

    def __call__(self, *call):
        self.calls.append(call)

    @property
    def count(self) -> int:
        return len(self.calls)
