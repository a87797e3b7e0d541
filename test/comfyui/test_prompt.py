"""What the resolver does around a prompt: it is told to the daemon, its nodes wait for copies, its copies are kept."""

import importlib
import json
import mmap
import os
import sys
import threading
import time
import unittest

from fake_comfyui import SHIM, ComfyTest
from fake_daemon import FakeDaemon


class Prompts(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.server = importlib.import_module("server").PromptServer(None)
        self.start_shim()
        self.finish_registration()


class Waiting(Prompts):
    def setUp(self):
        super().setUp()
        self.bar = importlib.import_module("comfy.utils")
        self.interruption = importlib.import_module("comfy.model_management")

    def wait_for(self, *done):
        job = {"id": 1, "state": "running", "bytesTotal": 8_000_000_000, "bytesPerSecond": 0, "etaMs": None}
        self.daemon.script = [{"reason": "WAIT_TIMEOUT", "job": dict(job, bytesDone=count)} for count in done]

    def test_a_node_gets_the_copy_that_was_made_while_it_waited(self):
        self.wait_for(0, 2_000_000_000, 6_000_000_000)
        self.assertEqual(self.load(), self.copy)
        asked = [(lookup["waitMs"], lookup["sliceMs"], lookup["waitedMs"] >= 0) for lookup in self.daemon.lookups]
        self.assertEqual(asked, [(600000, 100, True)] + [(600000, 500, True)] * 3)

    def test_the_user_sees_how_far_the_copy_is(self):
        self.wait_for(0, 2_000_000_000)
        self.load()
        self.assertEqual(self.bar.moves, [("4", 0, 8_000_000_000), ("4", 2_000_000_000, 8_000_000_000)])
        texts = [text for text, node, sid in self.server.texts if (node, sid) == ("4", "browser")]
        self.assertEqual(texts[1], "autocached: copying a.safetensors to the faster disk, 1.9 GiB of 7.5 GiB")
        self.assertEqual(texts[-1], "")

    def test_a_node_waits_no_longer_than_the_daemon_finds_it_worth(self):
        self.wait_for(0)
        self.daemon.script.append({"reason": "COPYING", "job": None})
        self.assertEqual(self.load(), self.source)
        self.assertEqual(len(self.daemon.lookups), 2)

    def test_nobody_waits_for_ever_for_a_daemon_that_never_ends(self):
        now = [0.0]
        self.wrapper.autocached._clock = lambda: now[0]
        self.wait_for(*[0] * 50)
        self.bar.before_move = lambda: now.__setitem__(0, now[0] + 100)
        self.assertEqual(self.load(), self.source)
        self.assertEqual(len(self.daemon.lookups), 7)

    def test_an_interrupted_prompt_waits_no_more_and_comfyui_still_knows_of_the_interruption(self):
        # It comes before the bar moves, and while it moves.
        for at in (self.interruption.interrupt_current_processing, None):
            with self.subTest(at):
                self.wait_for(*[0] * 50)
                del self.daemon.lookups[:]
                self.bar.before_move = self.interruption.interrupt_current_processing
                if at:
                    at()
                self.assertEqual(self.load(), self.source)
                self.assertEqual(len(self.daemon.lookups), 1)
                self.assertTrue(self.interruption.processing_interrupted())
                self.interruption.interrupt_current_processing(False)

    def test_an_interrupted_prompt_ends_at_once_and_loads_nothing(self):
        execution = importlib.import_module("execution")
        ended = self.interruption.InterruptProcessingException
        for kind in (ended, type("InterruptProcessingException", (Exception,), {})):
            with self.subTest(kind), self.no_log_line():
                self.interruption.InterruptProcessingException = kind
                self.wait_for(*[0] * 50)
                self.bar.before_move = self.interruption.interrupt_current_processing
                with self.assertRaises(kind):
                    self.in_node(lambda: execution.get_output_data(lambda: self.nodes.load("checkpoints", "a.safetensors")))
                self.assertTrue(self.interruption.processing_interrupted())
                self.assertEqual(self.server.texts[-1][0], "")
                self.interruption.interrupt_current_processing(False)

    def test_a_daemon_that_dies_meanwhile_is_not_waited_for(self):
        self.wait_for(0)
        self.bar.before_move = self.daemon.stop
        with self.one_log_line():
            self.assertEqual(self.load(), self.source)

    def test_a_comfyui_that_shows_no_progress_waits_all_the_same(self):
        self.wait_for(0, 1)
        del sys.modules["comfy.utils"], sys.modules["comfy.model_management"]
        self.server.send_progress_text = None
        with self.no_error_in_the_resolver():
            self.assertEqual(self.load(), self.copy)

    def test_a_job_that_is_not_described_does_not_end_the_wait(self):
        odd = [None, 5, {}, {"bytesDone": "1", "bytesTotal": 2}, {"bytesDone": 1, "bytesTotal": 0}]
        self.daemon.script = [{"reason": "WAIT_TIMEOUT", "job": job} for job in odd]
        with self.no_error_in_the_resolver():
            self.assertEqual(self.load(), self.copy)


class Prefetching(Prompts):
    prompt = {"4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a.safetensors"}}}

    def submit(self, body):
        answer = self.server.trigger_on_prompt(body)
        self.finish("autocached-prefetch")
        return answer

    def test_the_daemon_hears_of_a_prompt_when_it_is_queued(self):
        body = {"prompt": self.prompt, "client_id": "browser", "prompt_id": "b1"}
        before = json.dumps(body)
        self.assertIs(self.submit(body), body)
        self.assertEqual(json.dumps(body), before)
        client = {"app": "comfyui", "pid": os.getpid()}
        self.assertEqual(self.daemon.prefetches, [{"prompt": self.prompt, "promptId": "b1", "client": client}])

    def test_an_id_that_comfyui_gives_later_is_left_out(self):
        self.submit({"prompt": self.prompt})
        self.assertNotIn("promptId", self.daemon.prefetches[0])

    def test_what_is_no_prompt_passes_unchanged(self):
        for body in ({}, {"prompt": None}, {"prompt": [1]}, [], None, 5):
            with self.subTest(body), self.no_log_line():
                self.assertIs(self.submit(body), body)
        self.assertEqual(self.daemon.prefetches, [])

    def test_what_cannot_be_told_disturbs_nobody(self):
        with self.no_log_line():
            self.submit({"prompt": {"4": object()}})
            self.daemon.prefetch_status = 404
            self.submit({"prompt": self.prompt})
            self.daemon.stop()
            self.submit({"prompt": self.prompt})
        self.assertEqual(len(self.daemon.prefetches), 1)

    def test_the_event_loop_goes_on_at_once_however_large_the_prompts_and_slow_the_daemon(self):
        self.finish_registration()
        self.daemon.announce(pid=7)
        self.daemon.hear_roots.clear()
        self.addCleanup(self.finish, "autocached-prefetch")
        self.addCleanup(self.daemon.hear_roots.set)
        large = {str(n): {"class_type": "Note", "inputs": {"text": "x" * 1000}} for n in range(2_000)}
        self.server.trigger_on_prompt({"prompt": large})
        body = json.dumps({"prompt": large})
        # Beside what ComfyUI's own event loop spends on reading such a request, on a machine as busy as it is.
        spent, reading = [], []
        for _ in range(9):
            began = time.perf_counter()
            request = json.loads(body)
            reading.append(time.perf_counter() - began)
            began = time.perf_counter()
            self.server.trigger_on_prompt(request)
            spent.append(time.perf_counter() - began)
        self.assertLess(sorted(spent)[4], sorted(reading)[4])

    def test_so_many_prompts_that_nobody_takes_cost_a_bounded_memory(self):
        prefetch = sys.modules["autocached_comfyui.hook"]._prefetch
        prefetch._start = lambda: None
        for _ in range(1000):
            self.server.trigger_on_prompt({"prompt": self.prompt})
        self.assertLessEqual(prefetch._work.qsize(), 100)

    def test_the_node_loaded_twice_tells_each_prompt_once(self):
        self.run_file(os.path.join(SHIM, "__init__.py"))
        self.assertEqual(len(self.server.on_prompt_handlers), 1)

    def test_an_old_comfyui_without_prompt_handlers_is_served_all_the_same(self):
        hook = sys.modules["autocached_comfyui.hook"]
        hook._prefetch._attached = False
        sys.modules["server"].PromptServer.instance = object()
        self.run_file(os.path.join(SHIM, "__init__.py"))
        self.assertEqual(self.load(), self.copy)


class Teaching(Prompts):
    """The daemon hears which prompt runs, so that it learns which inputs mean which files."""

    prompt = {
        "4": {"class_type": "FaceUnifiedLoader", "inputs": {"preset": "PLUS", "model": ["5", 0]}, "is_changed": [float("nan")]},
        "5": {"class_type": "Note", "inputs": {}, "_meta": {"title": "mine"}},
    }

    def run_prompt(self, prompt_id="run-1", loads=2):
        self.server.prompt_queue.currently_running = {0: (1, prompt_id, self.prompt, {}, ["5"])}
        for _ in range(loads):
            self.in_node(lambda: self.nodes.load("checkpoints", "a.safetensors"), prompt=prompt_id)
        self.finish_registration()
        self.finish("autocached-prefetch")

    def setUp(self):
        super().setUp()
        self.daemon.answers["/api/workflows/running"] = (200, {"ok": True})

    def told(self):
        return [(route, body["promptId"]) for route, body in self.daemon.asked]

    def test_a_preset_is_told_with_the_id_that_comfyui_gave_its_prompt_once_however_much_it_loads(self):
        self.server.trigger_on_prompt({"prompt": self.prompt})
        self.run_prompt()
        self.run_prompt()
        self.assertEqual(self.told(), [("/api/workflows/running", "run-1")])
        nodes = self.daemon.asked[0][1]["prompt"]
        self.assertEqual(nodes["4"], {"class_type": "FaceUnifiedLoader", "inputs": {"preset": "PLUS", "model": ["5", 0]}})
        self.assertEqual(nodes["5"], self.prompt["5"])
        self.assertEqual({lookup["client"]["prompt"] for lookup in self.daemon.lookups}, {"run-1"})
        self.run_prompt("run-2")
        self.assertEqual(self.told()[1:], [("/api/workflows/running", "run-2")])

    def test_a_prompt_that_was_queued_with_its_id_is_not_told_again(self):
        self.server.trigger_on_prompt({"prompt": {"5": self.prompt["5"]}, "prompt_id": "run-1"})
        self.finish("autocached-prefetch")
        self.run_prompt()
        self.assertEqual(self.told(), [])

    def test_a_comfyui_that_does_not_tell_what_runs_and_a_daemon_that_does_not_listen_disturb_nobody(self):
        with self.no_log_line():
            self.assertEqual(self.load(), self.copy)
            self.daemon.answers["/api/workflows/running"] = (404, {"error": {"code": "NOT_FOUND", "message": "no", "hint": None}})
            self.run_prompt()
            self.prompt = {"4": {"class_type": "Odd", "inputs": object()}}
            self.run_prompt("run-3")
        self.assertEqual(self.told(), [("/api/workflows/running", "run-1")])

    def test_the_node_does_not_wait_for_it(self):
        self.daemon.hear_others.clear()
        self.server.prompt_queue.currently_running = {0: (1, "run-1", self.prompt, {}, ["5"])}
        path = self.in_node(lambda: self.nodes.load("checkpoints", "a.safetensors"), prompt="run-1")
        self.assertEqual(path, self.copy)
        self.daemon.hear_others.set()
        self.finish("autocached-prefetch")
        self.assertEqual(self.told(), [("/api/workflows/running", "run-1")])


class Keeping(Prompts):
    """Leases, with terms of 40 ms."""

    def setUp(self):
        super().setUp()
        self.daemon.lease_ms = 40
        self.addCleanup(self.finish, "autocached-leases")
        self.addCleanup(setattr, self.server.prompt_queue, "tasks", 0)
        self.seen = threading.Semaphore(0)
        answer = self.daemon.answer

        def counted(handler, body):
            answer(handler, body)
            if handler.path == "/api/leases":
                self.seen.release()

        self.daemon.answer = counted

    def await_renewals(self, count):
        for _ in range(count):
            self.assertTrue(self.seen.acquire(timeout=10))

    def keepers(self):
        return [thread for thread in threading.enumerate() if thread.name == "autocached-leases"]

    def test_while_a_prompt_runs_its_copies_stay(self):
        self.server.prompt_queue.tasks = 1
        self.load()
        self.await_renewals(3)
        client = {"app": "comfyui", "pid": os.getpid()}
        self.assertEqual(self.daemon.leases[2], {"client": client, "renew": [self.copy], "end": []})
        self.assertEqual(len(self.keepers()), 1)

    def test_after_the_prompt_they_are_given_back_and_the_thread_ends(self):
        self.load()
        self.finish("autocached-leases")
        self.load()
        self.finish("autocached-leases")
        self.assertEqual([(lease["renew"], lease["end"]) for lease in self.daemon.leases], [([], [self.copy])] * 2)

    @unittest.skipUnless(sys.platform == "linux", "only Linux tells what is mapped")
    def test_a_model_that_stays_mapped_after_its_prompt_stays_where_it_is(self):
        odd, odd_copy = self.make_source_and_copy(name="größe\n and more.safetensors")
        self.daemon.copies[odd] = odd_copy
        self.load()
        self.load(name=os.path.basename(odd))
        with open(odd_copy, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
            self.await_renewals(3)
            self.assertEqual(self.daemon.leases[2]["renew"], [odd_copy])
        self.finish("autocached-leases")
        self.assertEqual(self.daemon.leases[-1]["end"], [odd_copy])

    def test_a_daemon_that_dies_is_no_reason_to_speak_up(self):
        with self.no_log_line():
            self.load()
            self.daemon.stop()
            self.finish("autocached-leases")

    def test_a_path_that_is_no_copy_needs_no_lease(self):
        self.make_file("models", "checkpoints", "b.safetensors")
        self.load(name="b.safetensors")
        self.assertEqual(self.keepers(), [])
