"""A model that was loaded from its source before its copy was ready: the user is told, and an idle ComfyUI can be made to let go of it."""

import contextlib
import importlib
import mmap
import os
import sys
import threading
import unittest

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon


class StuckTest(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state)
        self.addCleanup(self.daemon.stop)
        self.seen = threading.Semaphore(0)
        answer = self.daemon.answer

        def counted(handler, body):
            answer(handler, body)
            if handler.path == "/api/stuck":
                self.seen.release()

        self.daemon.answer = counted
        self.daemon.start()
        self.queue = importlib.import_module("server").PromptServer(None).prompt_queue
        self.addCleanup(self.finish, "autocached-stuck")
        self.start_shim()
        self.finish_registration()
        self.stuck = self.wrapper.autocached._stuck
        self.now = [0.0]
        self.stuck._clock = lambda: self.now[0]
        self.addCleanup(self.let_go)
        sys.modules["autocached_comfyui.stuck"].LOOK_SECONDS = 0.02

    def load_from_source(self, name="a.safetensors", reason="COPYING"):
        self.daemon.script.append({"reason": reason, "job": {"id": 1, "state": "running"}})
        path = self.load(name=name)
        self.assertEqual(path, os.path.join(self.models, "checkpoints", name))
        return path

    @contextlib.contextmanager
    def mapped(self, path):
        with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
            yield

    def await_reports(self, count=1):
        for _ in range(count):
            self.assertTrue(self.seen.acquire(timeout=10))

    def next_look(self):
        """A whole look that begins after this call."""
        while self.seen.acquire(blocking=False):
            pass
        self.await_reports(3)

    def let_go(self):
        with self.stuck._lock:
            self.stuck._open = {}

    def watchers(self):
        return [thread for thread in threading.enumerate() if thread.name == "autocached-stuck"]


@unittest.skipUnless(sys.platform == "linux", "only Linux tells what is mapped")
class Telling(StuckTest):
    def test_the_daemon_is_told_of_a_source_for_as_long_as_it_is_mapped(self):
        with self.mapped(self.source):
            self.load_from_source()
            self.next_look()
        self.finish("autocached-stuck")
        found = os.stat(self.source)
        client = {"app": "comfyui", "pid": os.getpid()}
        source = {"path": self.source, "size": found.st_size, "mtimeNs": str(found.st_mtime_ns)}
        self.assertEqual(self.daemon.open_sources[0], {"client": client, "sources": [source]})
        self.assertEqual(self.daemon.open_sources[-1], {"client": client, "sources": []})

    def test_a_source_behind_a_link_is_found(self):
        real = self.make_file("disk", "b.safetensors")
        os.symlink(real, os.path.join(self.models, "checkpoints", "b.safetensors"))
        with self.mapped(real):
            path = self.load_from_source("b.safetensors")
            self.next_look()
        self.finish("autocached-stuck")
        self.assertEqual([source["path"] for source in self.daemon.open_sources[1]["sources"]], [path])

    def test_while_a_prompt_runs_a_file_may_be_about_to_be_opened(self):
        self.queue.tasks = 1
        self.load_from_source()
        self.next_look()
        self.assertEqual(len(self.daemon.open_sources[-1]["sources"]), 1)
        self.queue.tasks = 0
        self.finish("autocached-stuck")
        self.assertEqual(self.daemon.open_sources[-1]["sources"], [])

    def test_the_user_is_told_once_when_the_copy_is_ready(self):
        with self.mapped(self.source), self.assertLogs("autocached", "INFO") as logs:
            self.load_from_source()
            self.next_look()
            self.daemon.ready.add(self.source)
            self.next_look()
        told = [line for line in logs.output if "its copy is ready now" in line]
        self.assertEqual(len(told), 1)
        self.assertIn(self.source, told[0])
        self.assertEqual(self.queue.flags, {})

    def test_a_path_that_no_copy_is_made_of_is_not_watched(self):
        self.daemon.script.append({"reason": "BYPASS_SMALL", "job": None})
        self.load()
        self.assertEqual(self.watchers(), [])

    def test_a_source_whose_copy_is_loaded_since_is_not_stuck(self):
        with self.mapped(self.source):
            self.load_from_source()
            self.daemon.copies[self.source] = self.copy
            self.assertEqual(self.load(), self.copy)
            self.finish("autocached-stuck")

    def test_a_dead_daemon_is_no_reason_to_speak_up(self):
        with self.mapped(self.source):
            self.load_from_source()
            self.next_look()
            with self.no_log_line():
                self.daemon.stop()
                self.stuck._look_after(0)


class Freeing(StuckTest):
    def setUp(self):
        super().setUp()
        self.daemon.free = "auto"
        self.daemon.ready.add(self.source)
        # Without Linux's list of what is mapped: a source counts as open until it was freed.
        sys.modules["autocached_comfyui.stuck"].mapped = lambda paths: paths if self.maps else None
        self.maps = True

    def test_an_idle_comfyui_unloads_its_models_as_its_own_route_does(self):
        self.load_from_source()
        self.next_look()
        self.assertEqual(self.queue.flags, {})
        self.now[0] += 11
        self.next_look()
        self.assertEqual(self.queue.flags, {"unload_models": True, "free_memory": True})

    def test_once_for_each_file(self):
        self.load_from_source()
        self.next_look()
        self.now[0] += 11
        self.next_look()
        self.queue.flags.clear()
        self.now[0] += 100
        self.next_look()
        self.assertEqual(self.queue.flags, {})

    def test_never_while_a_prompt_runs_or_waits(self):
        self.queue.tasks = 1
        self.load_from_source()
        for _ in range(3):
            self.now[0] += 100
            self.next_look()
        self.assertEqual(self.queue.flags, {})

    def test_a_prompt_that_ran_between_two_looks_starts_the_time_anew(self):
        self.load_from_source()
        self.next_look()
        self.now[0] += 9
        self.queue.task_counter += 1
        self.next_look()
        self.now[0] += 9
        self.next_look()
        self.assertEqual(self.queue.flags, {})
        self.now[0] += 2
        self.next_look()
        self.assertIn("unload_models", self.queue.flags)

    def test_not_when_the_daemon_says_off(self):
        self.daemon.free = "off"
        self.load_from_source()
        for _ in range(2):
            self.now[0] += 100
            self.next_look()
        self.assertEqual(self.queue.flags, {})

    def test_not_before_the_copy_is_ready(self):
        self.daemon.ready.clear()
        self.load_from_source()
        for _ in range(2):
            self.now[0] += 100
            self.next_look()
        self.assertEqual(self.queue.flags, {})

    def test_a_comfyui_that_cannot_be_asked_is_left_alone(self):
        self.queue.set_flag = None
        self.load_from_source()
        with self.no_log_line():
            self.next_look()
            self.now[0] += 100
            self.next_look()

    def test_where_nobody_tells_what_is_mapped_a_freed_source_is_forgotten(self):
        self.maps = False
        self.load_from_source()
        self.next_look()
        self.now[0] += 11
        self.finish("autocached-stuck")
        self.assertIn("free_memory", self.queue.flags)
