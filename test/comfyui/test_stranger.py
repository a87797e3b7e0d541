"""Somebody else's program at the daemon's address, and answers that lead elsewhere than to copies."""

import contextlib
import json
import os
import shutil
import socketserver
import sys
import threading

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon, replace, token_of


class Stranger(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.heard = []
        self.start_shim()

    def ask(self):
        """As a resolver that remembers nothing."""
        resolver = sys.modules["autocached_comfyui.resolver"].Resolver(self.state)
        return resolver.resolve(self.source, "checkpoints", os.path.basename(self.source))

    def listen(self, answer):
        """Hears everything, and answers each request with these bytes."""
        heard = self.heard

        class Handler(socketserver.StreamRequestHandler):
            def handle(self):
                while True:
                    head = b""
                    while not head.endswith(b"\r\n\r\n"):
                        line = self.rfile.readline()
                        if not line:
                            return
                        head += line
                    heard.append(head.decode())
                    self.wfile.write(answer(head))

        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def leave_behind(self, port, **changes):
        """What a killed daemon leaves in its state directory."""
        found = {"url": "http://127.0.0.1:%d" % port, "pid": 1, "version": "0", "tokenFile": "token"}
        replace(os.path.join(self.state, "token"), token_of("secret"))
        replace(os.path.join(self.state, "directories.json"), json.dumps({"directories": [self.ssd]}))
        replace(os.path.join(self.state, "daemon.json"), json.dumps(dict(found, **changes)))

    def test_it_hears_a_nonce_and_nothing_else(self):
        def nonce(head):
            return head.split(b"nonce=")[1].split(b" ")[0].decode()

        bodies = {
            "a path": lambda head: {"path": self.copy, "tier": "ssd", "reason": "HIT", "leaseMs": 0, "job": None},
            "the nonce as proof": lambda head: {"nonce": "a" * 64, "proof": nonce(head)},
            "the nonce as its own": lambda head: {"nonce": nonce(head), "proof": nonce(head)},
            "no text": lambda head: {"nonce": 1, "proof": None},
        }
        for what, body in bodies.items():
            with self.subTest(what):
                self.heard.clear()

                def answer(head, body=body):
                    content = json.dumps(body(head)).encode()
                    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(content) + content

                self.leave_behind(self.listen(answer))
                self.assertEqual(self.ask(), self.source)
                self.assertTrue(self.heard)
                for head in self.heard:
                    self.assertTrue(head.startswith("GET /api/proof?nonce="), head)
                    self.assertNotIn("Authorization", head)
                    self.assertNotIn(token_of("secret"), head)

    def test_an_answer_that_comes_byte_by_byte_without_end_held_up_the_load(self):
        ended = threading.Event()
        self.addCleanup(ended.set)
        daemon = sys.modules["autocached_comfyui.daemon"]
        sys.modules["autocached_comfyui.resolver"].ANSWER_SECONDS = daemon.PROOF_SECONDS = daemon.ANSWER_SECONDS
        parts = {"status": b"H", "headers": b"HTTP/1.1 200 OK\r\nX: ", "again": b"HTTP/1.1 100 Continue\r\n\r\n"}
        for what, begin in parts.items():
            with self.subTest(what):
                rest = begin if what == "again" else b"a"

                class Drip(socketserver.BaseRequestHandler):
                    def handle(self, begin=begin, rest=rest):
                        self.request.recv(4096)
                        self.request.sendall(begin)
                        with contextlib.suppress(OSError):
                            while not ended.wait(0.02):
                                self.request.sendall(rest)

                server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Drip)
                server.daemon_threads = True
                threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.005}).start()
                self.addCleanup(server.server_close)
                self.addCleanup(server.shutdown)
                self.leave_behind(server.server_address[1])
                self.assertEqual(self.ask(), self.source)

    def test_a_path_outside_the_cache_is_not_loaded(self):
        trap = os.path.join(self.make_folder("trap"), os.path.basename(self.copy))
        shutil.copyfile(self.copy, trap)
        beside = os.path.join(self.ssd, "..", "trap", os.path.basename(self.copy))
        for path in (trap, beside):
            with self.subTest(path):
                daemon = FakeDaemon(self.state, {self.source: path}).start()
                self.addCleanup(daemon.stop)
                self.assertEqual(self.ask(), self.source)
                self.assertEqual(len(daemon.lookups), 1)

    def test_an_address_of_another_machine_is_not_asked(self):
        self.leave_behind(1, url="http://192.0.2.1:8189")
        self.assertEqual(self.ask(), self.source)

    def test_a_token_of_another_program_is_not_read(self):
        secret = os.path.join(self.make_folder("home"), "token")
        replace(secret, "hf_" + "a" * 61)
        port = self.listen(lambda head: b"")
        self.leave_behind(port, tokenFile=secret)
        self.assertEqual(self.ask(), self.source)
        self.assertEqual(self.heard, [])

    def test_files_that_others_can_write_are_not_believed(self):
        if not hasattr(os, "geteuid"):
            self.skipTest("modes are those of POSIX")
        daemon = FakeDaemon(self.state, {self.source: self.copy}).start()
        self.addCleanup(daemon.stop)
        for name, mode in (("daemon.json", 0o666), ("token", 0o640), ("directories.json", 0o620), ("", 0o777)):
            with self.subTest(name):
                path = os.path.join(self.state, name)
                usual = os.stat(path).st_mode & 0o777
                os.chmod(path, mode)
                self.assertEqual(self.ask(), self.source)
                os.chmod(path, usual)
        self.assertEqual(self.ask(), self.copy)
