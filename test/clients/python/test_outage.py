"""The daemon away, hung, damaged, or somebody else in its place: the program computes."""

import asyncio
import contextlib
import glob
import http.server
import json
import os
import pathlib
import shutil
import signal
import tempfile
import threading
import unittest
from unittest import mock

import rig
from autocached import Memo


class Outage(unittest.TestCase):
    def start(self) -> rig.RealDaemon:
        daemon = rig.RealDaemon()
        self.addCleanup(daemon.end)
        self.memo = Memo("outage", state=daemon.state)
        return daemon

    def patch(self, name: str, value) -> None:
        patched = mock.patch(name, value)
        patched.start()
        self.addCleanup(patched.stop)

    def test_without_a_daemon_functions_are_computed_once_for_all_threads(self):
        state = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, state)
        memo, go, computed = Memo("away", state=os.path.join(state, "none")), threading.Event(), rig.Counter()

        @memo.cached
        def slow(x):
            computed(x)
            go.wait()
            return x

        with self.assertLogs("autocached", "WARNING") as logged:
            threads = [threading.Thread(target=slow, args=(1,)) for _ in range(5)]
            for thread in threads:
                thread.start()
            flights = memo._once()._flights._flights
            while sum(flight.followers for flight in list(flights.values())) < 4:
                pass
            go.set()
            for thread in threads:
                thread.join()
            self.assertEqual((slow(2), computed.count), (2, 2))
        self.assertEqual(len(logged.output), 1, logged.output)
        self.assertIn("results are computed", logged.output[0])

    @unittest.skipUnless(hasattr(signal, "SIGSTOP"), "only POSIX stops processes")
    def test_a_hung_daemon_costs_one_time_out(self):
        daemon = self.start()
        self.assertEqual(self.memo.get_or_compute([1], lambda: "stored"), "stored")
        daemon.hang()
        self.patch("autocached.daemon.ANSWER_SECONDS", 0.2)
        self.patch("autocached._common.breaker.FIRST_LATE_SECONDS", 3600.0)
        self.patch("autocached._common.breaker.LONGEST_LATE_SECONDS", 3600.0)
        asked = mock.Mock(wraps=self.memo._once().results._daemon.post)
        self.memo._once().results._daemon.post = asked
        found = [self.memo.get_or_compute([1], lambda: "computed") for _ in range(10)]
        found += asyncio.run(self.all_at_once())
        self.assertEqual(found, ["computed"] * 20)
        self.assertEqual(asked.call_count, 1)

    @unittest.skipUnless(hasattr(signal, "SIGSTOP"), "only POSIX stops processes")
    def test_a_daemon_that_was_late_is_asked_again_after_a_second(self):
        daemon = self.start()
        self.assertEqual(self.memo.get_or_compute([1], lambda: "stored"), "stored")
        breaker, now = self.memo._once().results._daemon.breaker, 100.0
        breaker._clock = lambda: now
        daemon.hang()
        with mock.patch("autocached.daemon.ANSWER_SECONDS", 0.2):
            self.assertEqual(self.memo.get_or_compute([1], lambda: "computed"), "computed")
        daemon.process.send_signal(signal.SIGCONT)
        now = 100.9
        self.assertEqual(self.memo.get_or_compute([1], lambda: "computed"), "computed")
        now = 101.0
        self.assertEqual(self.memo.get_or_compute([1], self.fail), "stored")

    async def all_at_once(self):
        async def compute():
            return "computed"

        return await asyncio.gather(*(self.memo.get_or_compute_async([n], compute) for n in range(10)))

    @unittest.skipUnless(hasattr(signal, "SIGSTOP"), "only POSIX stops processes")
    def test_a_daemon_that_hangs_while_it_is_waited_for_lets_the_program_compute(self):
        daemon = self.start()
        daemon.ask("/api/memo/take", {"ns": "outage", "parts": ["held"], "pid": os.getpid()})
        # More than a busy machine needs.
        self.patch("autocached.daemon.ANSWER_SECONDS", 15.0)
        self.patch("autocached.results._SLICE_SECONDS", 1.0)
        found = []
        waiting = threading.Thread(target=lambda: found.append(self.memo.get_or_compute(["held"], lambda: "computed")))
        waiting.start()
        while daemon.stats()["waiting"] == 0:
            self.assertTrue(waiting.is_alive(), found)
        daemon.hang()
        waiting.join()
        self.assertEqual(found, ["computed"])

    def test_a_restarted_daemon_is_used_again_at_once_with_all_that_was_stored(self):
        daemon = self.start()
        self.assertEqual(self.memo.get_or_compute([1], lambda: "stored"), "stored")
        daemon.stop()
        self.assertEqual(self.memo.get_or_compute([1], lambda: "computed"), "computed")
        daemon.start()
        self.assertEqual(self.memo.get_or_compute([1], self.fail), "stored")

    def test_a_daemon_that_ends_while_a_result_is_computed_costs_nothing_but_its_store(self):
        daemon = self.start()

        def compute():
            daemon.stop()
            return b"bytes" * 1000

        self.assertEqual(self.memo.get_or_compute([1], compute), b"bytes" * 1000)
        daemon.start()
        self.assertEqual(self.memo.get_or_compute([1], lambda: "again"), "again")

    def test_a_result_whose_bytes_were_changed_is_computed_again(self):
        daemon = self.start()
        self.memo.get_or_compute([1], lambda: b"right" * 10_000)
        blobs = [
            path
            for path in glob.glob(os.path.join(daemon.dir, "cache", "memo", "**"), recursive=True)
            if self.holds(path, b"right" * 10_000)
        ]
        self.assertEqual(len(blobs), 1)
        found = os.stat(blobs[0])
        os.chmod(blobs[0], 0o600)
        with open(blobs[0], "r+b") as blob:
            blob.write(b"wrong")
        # Its seal holds: size, time and inode are as before.
        os.utime(blobs[0], ns=(found.st_atime_ns, found.st_mtime_ns))
        self.assertEqual(self.memo.get_or_compute([1], lambda: b"again"), b"again")

    def holds(self, path: str, data: bytes) -> bool:
        return os.path.isfile(path) and pathlib.Path(path).read_bytes() == data

    def test_where_its_files_cannot_be_seen_blobs_come_over_http(self):
        daemon = self.start()
        self.memo.get_or_compute([1], lambda: {"bytes": b"far" * 100_000})
        announced = self.memo._once().results._daemon.announcement()
        elsewhere = {"AUTOCACHE_URL": announced.url, "AUTOCACHE_TOKEN_FILE": os.path.join(daemon.state, "token")}
        with mock.patch.dict(os.environ, elsewhere):
            far = Memo("outage", state=os.path.join(daemon.dir, "nowhere"))
            self.assertEqual(far.get_or_compute([1], self.fail), {"bytes": b"far" * 100_000})
            far.get_or_compute([2], lambda: b"far" * 1_000_000)
        self.assertEqual(self.memo.get_or_compute([2], self.fail), b"far" * 1_000_000)
        self.assertEqual(daemon.stats()["reserved"], 0)

    def test_results_that_are_off_are_computed(self):
        daemon = rig.RealDaemon(AUTOCACHE_MEMO="off")
        self.addCleanup(daemon.end)
        memo = Memo("off", state=daemon.state)
        self.assertEqual([memo.get_or_compute([1], lambda: b"x" * n) for n in (1, 2)], [b"x", b"xx"])

    def test_a_stranger_at_the_daemons_address_learns_nothing_and_is_not_believed(self):
        heard = []

        class Stranger(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                heard.append((self.path.partition("?")[0], str(self.headers)))
                self.send(json.dumps({"nonce": "0" * 64, "proof": "0" * 64}))

            def do_POST(self):
                heard.append((self.path, str(self.headers)))
                self.send(json.dumps({"state": "hit", "kind": "json", "value": "evil", "path": "/evil"}))

            def send(self, text):
                self.send_response(200)
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        state = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, state)
        token = "5" * 64
        self.write(state, "token", token)
        daemon = {"url": "http://127.0.0.1:%d" % server.server_port, "pid": 1, "version": "1", "tokenFile": "token"}
        self.write(state, "daemon.json", json.dumps(daemon))
        self.assertEqual(Memo("stranger", state=state).get_or_compute([1], lambda: "mine"), "mine")
        self.assertEqual([path for path, _ in heard], ["/api/proof"])
        self.assertNotIn(token, heard[0][1])

    def test_a_stranger_that_answers_byte_by_byte_without_end_holds_up_no_program(self):
        self.patch("autocached.daemon.ANSWER_SECONDS", 0.2)
        ended, began = threading.Event(), threading.Event()
        self.addCleanup(ended.set)

        class Stranger(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                began.set()
                with contextlib.suppress(OSError):
                    while not ended.wait(0.02):
                        self.wfile.write(b"H")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Stranger)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        state = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, state)
        self.write(state, "token", "5" * 64)
        daemon = {"url": "http://127.0.0.1:%d" % server.server_port, "pid": 1, "version": "1", "tokenFile": "token"}
        self.write(state, "daemon.json", json.dumps(daemon))
        self.assertEqual(Memo("stranger", state=state).get_or_compute([1], lambda: "mine"), "mine")
        self.assertTrue(began.is_set())

    def write(self, state: str, name: str, text: str) -> None:
        with open(os.open(os.path.join(state, name), os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)


if __name__ == "__main__":
    unittest.main()
