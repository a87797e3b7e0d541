"""HTTP to the daemon that the state directory announces, with one kept and proven connection for each thread."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from typing import NamedTuple
from urllib.parse import urlsplit

from .announcement import Announcement, read_announcement
from .breaker import Late, Trouble
from .process import this_process
from .proof import ANSWER_HEADER, NotTheDaemon, prove
from .timed_http import TimedConnection

CONNECT_SECONDS = 0.05
ANSWER_SECONDS = 0.25
# The daemon's proof precedes the first request of a connection.
PROOF_SECONDS = 0.25
# Far above any true answer but those to the memo. Another program on the port cannot fill the memory.
ANSWER_BYTES = 1 << 18
# Errors of a connection, of HTTP, or of another program on the daemon's port.
_FAULTS = (OSError, http.client.HTTPException, ValueError, NotTheDaemon)
# The daemon understood the request and refuses it. Asking again would not help.
_REFUSALS = (400, 404, 409, 413, 415, 422)


class Refused(Trouble):
    """The daemon refused the request. The message is the daemon's."""


class _Request(NamedTuple):
    method: str
    route: str
    content: bytes | list | None
    content_type: str
    answer_seconds: float
    most_bytes: int
    digest: str | None = None


class Daemon:
    def __init__(self, state_dir: str):
        self._file = os.path.join(state_dir, "daemon.json")
        self._lock = threading.Lock()
        self._read: tuple | None = None
        self._kept = threading.local()

    def stamp(self) -> tuple | None:
        """Changes when daemon.json does; None when there is none. One stat of a local file."""
        try:
            seen = os.stat(self._file)
        except OSError:
            return None
        return (seen.st_mtime_ns, seen.st_ino, seen.st_size)

    def is_installed(self) -> bool:
        """False when the state directory is gone: then no daemon will start."""
        return os.path.isdir(os.path.dirname(self._file))

    def announcement(self, again: bool = False) -> Announcement:
        """The present announcement, read again when its file has changed or with `again`. Raises Trouble."""
        stamp = self.stamp()
        if stamp is None and not os.environ.get("AUTOCACHE_URL"):
            raise Trouble("there is no " + self._file)
        with self._lock:
            if again or self._read is None or self._read[0] != stamp:
                self._read = (stamp, _announced_in(self._file))
            return self._read[1]

    @property
    def announced(self) -> Announcement | None:
        """The announcement that was read last."""
        return self._read[1] if self._read else None

    def get(self, route: str, answer_seconds: float = ANSWER_SECONDS) -> dict:
        """As `post`."""
        return self.post(route, None, answer_seconds)

    def post(
        self, route: str, body: dict | bytes | None, answer_seconds: float = ANSWER_SECONDS, most_bytes: int = ANSWER_BYTES
    ) -> dict:
        """
        The daemon's answer, a JSON object of at most `most_bytes`. `body` is a JSON object or its text. Asks a second time when a kept
        connection has ended, or when the daemon has another address or token by now. Raises Trouble; the subclass Refused means that the
        daemon understood.
        """
        content = json.dumps(body).encode("utf-8") if isinstance(body, dict) else body
        return self._ask(_Request("GET" if body is None else "POST", route, content, "application/json", answer_seconds, most_bytes))

    def put(self, route: str, parts: list, digest: str, answer_seconds: float) -> dict:
        """As `post`, for bytes that the daemon stores. `digest` is the SHA-256 of all parts."""
        return self._ask(_Request("PUT", route, parts, "application/octet-stream", answer_seconds, ANSWER_BYTES, digest))

    def _ask(self, request: _Request) -> dict:
        announced = self.announcement()
        kept = self._connection(announced)
        self._kept.patience = request.answer_seconds
        try:
            return self._exchange(kept or self._connect(announced), request)
        except socket.timeout:
            raise Late("no answer in time from " + announced.url) from None
        except Refused:
            raise
        except (*_FAULTS, Trouble) as error:
            latest = self.announcement(again=True)
            ended = kept is not None and not isinstance(error, Trouble)
            if latest == announced and not ended:
                raise Trouble("%s: %s" % (announced.url, error)) from error
        try:
            return self._exchange(self._connect(latest), request)
        except socket.timeout:
            raise Late("no answer in time from " + latest.url) from None
        except _FAULTS as error:
            raise Trouble("%s: %s" % (latest.url, error)) from error

    def close(self) -> None:
        """Ends the calling thread's connection."""
        kept = getattr(self._kept, "connection", None)
        self._kept.connection = None
        if kept is not None:
            kept.close()

    def _connection(self, announced: Announcement):
        """This thread's kept connection. None when it leads to another daemon or belongs to the parent process."""
        kept = getattr(self._kept, "connection", None)
        if kept is not None and self._kept.owner == (announced, os.getpid()):
            return kept
        self.close()
        return None

    def _connect(self, announced: Announcement):
        self.close()
        url = urlsplit(announced.url)
        connection = TimedConnection(url.hostname, url.port, timeout=CONNECT_SECONDS)
        connection.connect()
        try:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.answer_within(max(PROOF_SECONDS, self._kept.patience))
            self._kept.host = announced.host
            self._kept.session = prove(connection, announced.token, self._kept.host)
        except BaseException:
            connection.close()
            raise
        self._kept.connection = connection
        self._kept.owner = (announced, os.getpid())
        return connection

    def _exchange(self, connection, request: _Request) -> dict:
        session, (method, route, content, content_type, answer_seconds, most_bytes, digest) = self._kept.session, request
        headers = {"Host": self._kept.host, "X-Autocached-Process": this_process()}
        if content is not None:
            headers["Content-Type"] = content_type
        if isinstance(content, list):
            headers["Content-Length"] = str(sum(map(len, content)))
        headers["Authorization"] = session.authorization(method, route, content, digest)
        try:
            connection.sock.settimeout(answer_seconds)
            connection.request(method, route, content, headers)
            connection.answer_within(answer_seconds, most_bytes)
            response = connection.getresponse()
            text = response.read(most_bytes)
            if not session.is_answer(response.getheader(ANSWER_HEADER), response.status, text):
                raise NotTheDaemon("the answer is not the daemon's")
            if response.will_close or not response.isclosed():
                self.close()
        except BaseException:
            self.close()
            raise
        try:
            answer = json.loads(text)
        except ValueError:
            answer = None
        refusal = _message_of(answer)
        if refusal is not None and response.status in _REFUSALS:
            raise Refused(refusal)
        if not 200 <= response.status < 300:
            raise Trouble("status %d" % response.status)
        if not isinstance(answer, dict):
            raise Trouble("the answer is not a JSON object")
        return answer


def _message_of(answer) -> str | None:
    """The daemon's message in an error answer."""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message[:500] if isinstance(message, str) else None


def _announced_in(file: str) -> Announcement:
    try:
        return read_announcement(file)
    # Arithmetic and recursion: numbers and nesting without bound.
    except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
        raise Trouble("%s cannot be used: %s" % (file, error)) from error
