"""What a dead, hung, restarted or distrusting daemon costs: its time-out once, and never a wrong path."""

import os
import socket
import sys
import threading
import time

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon, token_of

# What a lookup may take with a hung daemon is 250 ms; the rest is for a machine that is busy.
HUNG_CEILING_SECONDS = 5.0


class OutageTest(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.addCleanup(self.daemon.stop)
        self.now = 100.0
        self.start_shim()
        self.breaker = self.wrapper.autocached._breaker
        self.breaker._clock = lambda: self.now
        self.tries = 0
        connect = self.wrapper.autocached.daemon._connect

        def counted(announced):
            self.tries += 1
            return connect(announced)

        self.wrapper.autocached.daemon._connect = counted

    def load_often(self):
        for _ in range(50):
            self.assertEqual(self.load(), self.source)


class Outage(OutageTest):
    def test_without_a_daemon_comfyui_works_and_hears_of_it_once(self):
        with self.one_log_line():
            self.load_often()
        self.assertEqual(self.tries, 0)

    def test_a_daemon_that_starts_later_is_used_at_once(self):
        self.load()
        self.daemon.start()
        self.assertEqual(self.load(), self.copy)

    def test_a_dead_daemon_is_tried_once_then_left_alone(self):
        self.daemon.start()
        self.load()
        self.daemon.stop()
        self.tries = 0
        with self.one_log_line():
            self.load_often()
        # The kept connection had ended; one new one was tried.
        self.assertEqual(self.tries, 1)

    def test_a_dead_daemon_is_tried_again_after_two_seconds_and_then_more_and_more_rarely(self):
        self.daemon.start()
        self.daemon.stop()
        tried_at = []
        with self.one_log_line():
            while self.now < 250:
                before = self.tries
                self.load()
                if self.tries > before:
                    tried_at.append(self.now - 100)
                self.now += 1
        self.assertEqual(tried_at, [0, 2, 6, 14, 30, 60, 90, 120])

    def test_a_daemon_that_comes_back_unannounced_is_used_after_the_pause(self):
        self.daemon.start()
        port = self.daemon.port
        self.daemon.stop()
        self.load_often()
        stamp = self.wrapper.autocached.daemon.stamp()
        self.daemon.announce = lambda: None
        self.daemon.start(port)
        self.assertEqual(self.wrapper.autocached.daemon.stamp(), stamp)
        self.assertEqual(self.load(), self.source)
        self.now += 2
        with self.assertLogs("autocached", "INFO") as logs:
            self.assertEqual(self.load(), self.copy)
            self.assertEqual(self.load(), self.copy)
        self.assertEqual(
            sorted(record.getMessage() for record in logs.records),
            ["autocached: the daemon answers again", "autocached: the daemon answers, and knows the 3 model folders now"],
        )

    def test_a_restart_on_another_port_is_followed(self):
        self.daemon.start()
        self.assertEqual(self.load(), self.copy)
        self.daemon.stop()
        again = FakeDaemon(self.state, {self.source: self.copy}, token=token_of("other"), pid=2)
        self.addCleanup(again.stop)
        again.start()
        with self.no_log_line():
            self.assertEqual(self.load(), self.copy)
        self.assertEqual(len(again.lookups), 1)

    def test_a_restart_between_two_lookups_of_one_thread_is_followed(self):
        self.daemon.start()
        port = self.daemon.port

        def work():
            first = self.nodes.load("checkpoints", "a.safetensors")
            self.finish_registration()
            self.daemon.stop()
            self.daemon.start(port)
            return first, self.nodes.load("checkpoints", "a.safetensors")

        with self.no_log_line():
            self.assertEqual(self.in_node(work), (self.copy, self.copy))

    def test_a_new_token_is_read_when_the_old_one_is_refused(self):
        self.daemon.start()
        self.assertEqual(self.load(), self.copy)
        self.daemon.token = token_of("new")
        with open(os.path.join(self.state, "token"), "w", encoding="utf-8") as file:
            file.write(token_of("new") + "\n")
        before = self.daemon.proofs
        with self.no_log_line():
            self.assertEqual(self.load(), self.copy)
        # By the old token it could not prove itself, and was told nothing.
        self.assertEqual((self.daemon.proofs - before, self.daemon.unauthorized), (2, 0))

    def test_a_token_that_stays_wrong_gives_the_source(self):
        self.daemon.start()
        self.daemon.token = token_of("another")
        self.finish_registration()
        self.daemon.proofs = 0
        with self.one_log_line():
            self.load_often()
        self.assertEqual((self.daemon.proofs, self.daemon.lookups), (1, []))

    def test_a_token_file_named_relative_to_the_daemon_file_is_found(self):
        self.daemon.start()
        self.daemon.announce(tokenFile="token")
        self.assertEqual(self.load(), self.copy)

    def test_a_daemon_file_that_makes_no_sense_gives_the_source(self):
        file = os.path.join(self.state, "daemon.json")
        endless = '{"url":"http://127.0.0.1:1","pid":1e999,"tokenFile":"token"}'
        for text in ("", "[]", "{}", "5", "[" * 60000, endless, '{"url":5,"pid":1,"tokenFile":5}', '{"url":"file:///etc","pid":1,"tokenFile":"/dev/null"}'):
            with self.subTest(text):
                with open(file, "w", encoding="utf-8") as out:
                    out.write(text)
                with self.no_error_in_the_resolver():
                    self.assertEqual(self.load(), self.source)


class Hung(OutageTest):
    def setUp(self):
        super().setUp()
        self.silent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.silent.close)

    def lose_patience(self):
        """The true time-out of an answer."""
        daemon = sys.modules["autocached_comfyui.daemon"]
        sys.modules["autocached_comfyui.resolver"].ANSWER_SECONDS = daemon.PROOF_SECONDS = daemon.ANSWER_SECONDS

    def test_a_hung_daemon_costs_its_time_out_once(self):
        self.daemon.port = self.silent.getsockname()[1]
        self.daemon.announce()
        self.lose_patience()
        began = time.monotonic()
        with self.one_log_line():
            self.load_often()
        self.assertLess(time.monotonic() - began, HUNG_CEILING_SECONDS)
        self.assertEqual(self.tries, 1)

    def test_a_daemon_that_is_slow_on_a_busy_machine_is_used_after_seconds_and_then_always(self):
        self.daemon.start()
        self.finish_registration()
        answer = self.daemon.answer

        def slowly(handler, body):
            time.sleep(0.3 if handler.path == "/api/lookup" else 0)
            return answer(handler, body)

        self.daemon.answer = slowly
        sys.modules["autocached_comfyui.resolver"].ANSWER_SECONDS = 0.05
        tried = []
        with self.assertLogs("autocached", "INFO"):
            while self.copy not in tried and len(tried) < 20:
                tried.append(self.load())
                self.now += 1
        # Late after 0 and 1 s, and after 3 s there was time enough; a busy machine needs more.
        self.assertIn(tried.index(self.copy), (3, 7, 15), tried)
        self.assertEqual([self.load() for _ in range(10)], [self.copy] * 10)

    def test_a_hung_daemon_is_tried_after_1_2_4_8_and_then_every_10_seconds_with_up_to_2_seconds_each(self):
        self.daemon.start()
        self.finish_registration()
        self.breaker.failed(sys.modules["autocached_comfyui.breaker"].Late("no answer"))
        given, tried_at = [], []

        def late(_route, _body, seconds):
            given.append(seconds)
            tried_at.append(self.now - 100)
            raise sys.modules["autocached_comfyui.breaker"].Late("no answer")

        sys.modules["autocached_comfyui.resolver"].ANSWER_SECONDS = 0.25
        self.wrapper.autocached.daemon.post = late
        while self.now < 140:
            self.load()
            self.now += 1
        self.assertEqual(tried_at, [1, 3, 7, 15, 25, 35])
        # The first slice of a wait comes on top.
        self.assertEqual(given, [0.6, 1.1, 2.1, 2.1, 2.1, 2.1])
        # A minute later the machine is no longer taken for a busy one.
        self.now += 61
        self.assertEqual(self.breaker.patience(0.25), 0.25)

    def test_a_daemon_that_hangs_with_the_connection_open_costs_its_time_out_once(self):
        awake = threading.Event()
        self.addCleanup(awake.set)
        self.daemon.start()

        def work():
            yield self.nodes.load("checkpoints", "a.safetensors")
            self.daemon.misbehave = lambda handler: awake.wait(60)
            self.lose_patience()
            self.began = time.monotonic()
            for _ in range(50):
                yield self.nodes.load("checkpoints", "a.safetensors")

        with self.one_log_line():
            paths = self.in_node(lambda: list(work()))
        self.assertLess(time.monotonic() - self.began, HUNG_CEILING_SECONDS)
        self.assertEqual(paths, [self.copy] + [self.source] * 50)
        self.assertEqual(len(self.daemon.lookups), 2)
