"""A daemon as the resolver sees it: daemon.json, a token file, and an HTTP server that answers as the test says."""

import hashlib
import hmac
import http.server
import json
import os
import socket
import threading
from urllib.parse import parse_qsl, urlsplit


def token_of(word):
    """A token of the form that a daemon makes."""
    return hashlib.sha256(word.encode("utf-8")).hexdigest()


class FakeDaemon:
    """`copies` maps source paths to copies; everything else is answered with the path that was asked for."""

    def __init__(self, state, copies=None, token=token_of("secret"), pid=1):
        self.state = state
        self.copies = copies or {}
        self.token = token
        self.pid = pid
        self.lookups = []
        self.roots = []
        self.prefetches = []
        self.leases = []
        # What was reported as open, and what is answered: these paths have copies by now, and whether to free them.
        self.open_sources = []
        self.ready = set()
        self.free = "off"
        # What the next lookups are answered with beside their paths, in order.
        self.script = []
        self.lease_ms = 0
        # Copies by category and name, for lookups without a path; and which files have copies.
        self.offline = {}
        self.cached = []
        # The health of model folders, by path.
        self.health = {}
        self.connections = 0
        self.unauthorized = 0
        # How often somebody had it prove itself.
        self.proofs = 0
        # Where copies lie.
        self.directories = [os.path.join(os.path.dirname(state), "ssd")]
        # True: a connection ends with each answer.
        self.closes = False
        # Set by a test: called with the handler instead of answering a lookup.
        self.misbehave = None
        # Model folders are answered with this status, once this event is set.
        self.roots_status = 200
        self.prefetch_status = 200
        self.prefetch_answer = {}
        self.hear_roots = threading.Event()
        self.hear_roots.set()
        # Status and body by route, for all other routes; what they were asked; and the answers wait for this event.
        self.answers = {}
        self.asked = []
        self.hear_others = threading.Event()
        self.hear_others.set()
        self._open = set()
        self._server = None

    def start(self, port=0):
        daemon = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True

            def setup(self):
                super().setup()
                daemon.connections += 1
                daemon._open.add(self.connection)

            def finish(self):
                daemon._open.discard(self.connection)
                super().finish()

            def do_GET(self):
                if self.path.startswith("/api/proof?nonce="):
                    daemon.prove(self)
                elif daemon.admits(self, b""):
                    daemon.answer_get(self)

            def do_POST(self):
                content = self.rfile.read(int(self.headers["Content-Length"]))
                if daemon.admits(self, content):
                    daemon.answer(self, json.loads(content))

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            request_queue_size = 128

            def handle_error(self, *_):
                pass

        self._server = Server(("127.0.0.1", port), Handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005})
        self._thread.start()
        self.announce()
        return self

    def announce(self, **changes):
        token_file = os.path.join(self.state, "token")
        replace(token_file, self.token)
        found = {"url": "http://127.0.0.1:%d" % self.port, "pid": self.pid, "version": "0", "tokenFile": token_file}
        replace(os.path.join(self.state, "directories.json"), json.dumps({"directories": self.directories}))
        replace(os.path.join(self.state, "daemon.json"), json.dumps(dict(found, **changes)))

    def stop(self):
        """As a killed daemon: its port and its connections are gone, its daemon.json is not."""
        if self._server is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self._server = None

    def mac(self, key, *words):
        return hmac.new(key, "\n".join(words).encode("utf-8"), "sha256").digest()

    def prove(self, handler):
        self.proofs += 1
        theirs, ours = handler.path.partition("=")[2], os.urandom(32).hex()
        words = (handler.headers["Host"], theirs, ours)
        proof = self.mac(self.token.encode(), "daemon", *words).hex()
        send(handler, 200, {"nonce": ours, "proof": proof})
        # By the token of this moment: another one makes what was proven before worthless.
        handler.key = lambda: self.mac(self.token.encode(), "session", *words)
        handler.number = 0

    def admits(self, handler, content):
        """True when the request proves the token; its answer will prove it too."""
        scheme, digest, proof = (handler.headers["Authorization"] or "").split(" ")
        handler.number += 1
        words = ("request", str(handler.number), handler.command, handler.path, digest)
        right = proof == self.mac(handler.key(), *words).hex() and digest == hashlib.sha256(content).hexdigest()
        if scheme == "Autocached" and right:
            return True
        self.unauthorized += 1
        send(handler, 401, {"error": {"code": "UNAUTHORIZED", "message": "", "hint": None}})
        return False

    def answer_get(self, handler):
        """Which files have copies, in pages."""
        if urlsplit(handler.path).path in self.answers:
            return self.answer_other(handler, None)
        if handler.path == "/api/roots":
            return send(handler, 200, {"roots": [{"path": path, "health": health} for path, health in self.health.items()]})
        query = dict(parse_qsl(urlsplit(handler.path).query))
        start = int(query["offset"])
        files = [self.entry(path) for path in self.cached[start : start + int(query["limit"])]]
        return send(handler, 200, {"total": len(self.cached), "entries": files})

    def entry(self, path):
        copies = [{"tier": "ssd", "state": "ready", "path": self.copies[path]}] if path in self.copies else []
        return {"path": path, "copies": copies}

    def answer(self, handler, body):
        if handler.path == "/api/roots":
            self.hear_roots.wait(60)
            self.roots.append(body)
            return send(handler, self.roots_status, {"roots": []})
        if handler.path == "/api/leases":
            self.leases.append(body)
            return send(handler, 200, {"leases": []})
        if handler.path == "/api/stuck":
            self.open_sources.append(body)
            stuck = [source["path"] for source in body["sources"] if source["path"] in self.ready]
            return send(handler, 200, {"stuck": stuck, "free": self.free})
        if handler.path == "/api/workflows/prefetch":
            self.prefetches.append(body)
            return send(handler, self.prefetch_status, self.prefetch_answer)
        if handler.path in self.answers:
            return self.answer_other(handler, body)
        self.lookups.append(body)
        if self.misbehave:
            return self.misbehave(handler)
        if self.script:
            return send(handler, 200, dict({"path": body["path"], "tier": "nas", "leaseMs": 0, "entry": 1, "job": None}, **self.script.pop(0)))
        if "path" not in body:
            offline = self.offline.get((body["category"], body["name"]))
            found = {"path": offline or body["name"], "reason": "HIT_OFFLINE" if offline else "BYPASS_UNKNOWN_ROOT"}
            return send(handler, 200, dict(found, tier=None, leaseMs=0, entry=None, job=None))
        path = self.copies.get(body["path"], body["path"])
        hit = path != body["path"]
        answer = {"path": path, "tier": "ssd" if hit else "nas", "reason": "HIT" if hit else "QUEUED"}
        return send(handler, 200, dict(answer, leaseMs=self.lease_ms if hit else 0, entry=1, job=None), self.closes)

    def answer_other(self, handler, body):
        self.asked.append((handler.path, body))
        self.hear_others.wait(60)
        return send(handler, *self.answers[urlsplit(handler.path).path])


def send(handler, status, body, closes=False):
    send_bytes(handler, status, json.dumps(body).encode("utf-8"), closes)


def send_bytes(handler, status, body, closes=False):
    handler.send_response(status)
    if closes:
        handler.send_header("Connection", "close")
    handler.send_header("Content-Type", "application/json")
    if getattr(handler, "key", None):
        words = ("answer", str(handler.number), str(status), "whole", "")
        proof = hmac.new(handler.key(), "\n".join(words).encode("utf-8") + body, "sha256").hexdigest()
        handler.send_header("Autocached-Proof", proof)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def replace(path, text):
    """Written beside and renamed, as the daemon does, so that nobody reads half of it."""
    with open(os.open(path + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    os.replace(path + ".new", path)
