"""The daemon as its state directory announces it, over HTTP with one kept connection for each thread."""

from __future__ import annotations

import http.client
import json
import os
import socket
import threading
from typing import NamedTuple
from urllib.parse import urlsplit

CONNECT_SECONDS = 0.05
ANSWER_SECONDS = 0.25
# Far above any true answer: whatever else may listen on the port cannot fill the memory.
_ANSWER_BYTES = 1 << 18
# What a connection, HTTP, or a token that fits no header can raise.
_FAULTS = (OSError, http.client.HTTPException, ValueError)
# Statuses with which the daemon answers a request that it understood; asking again would not help.
_REFUSALS = (400, 404, 409, 413, 415, 422)


class Trouble(Exception):
    """The daemon gave no answer that can be used; the message says why."""


class Refused(Trouble):
    """The daemon answered, and says no; the message is its own."""


class Announcement(NamedTuple):
    """daemon.json, with the token read from its tokenFile."""

    url: str
    pid: int
    token: str


class _Connection(http.client.HTTPConnection):
    """Ends with the thread that keeps it."""

    def __del__(self):
        self.close()


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

    def announcement(self, again: bool = False) -> Announcement:
        """Who the daemon is now; read anew when its file has changed or `again`. Raises Trouble."""
        stamp = self.stamp()
        if stamp is None:
            raise Trouble("there is no " + self._file)
        with self._lock:
            if again or self._read is None or self._read[0] != stamp:
                self._read = (stamp, _read_announcement(self._file))
            return self._read[1]

    def get(self, route: str, answer_seconds: float = ANSWER_SECONDS) -> dict:
        """As `post`."""
        return self.post(route, None, answer_seconds)

    def post(self, route: str, body: dict | bytes | None, answer_seconds: float = ANSWER_SECONDS) -> dict:
        """
        The daemon's answer, a JSON object, to a JSON object that may be written out already. Asks a second time when a kept
        connection had ended meanwhile, or when the daemon turns out to be at another place or to have another token. Raises
        Trouble, of which Refused says that the daemon understood and will not.
        """
        announced = self.announcement()
        kept = self._connection(announced)
        try:
            return self._exchange(kept or self._connect(announced), announced, route, body, answer_seconds)
        except socket.timeout:
            raise Trouble("no answer in time from " + announced.url) from None
        except Refused:
            raise
        except (*_FAULTS, Trouble) as error:
            latest = self.announcement(again=True)
            ended = kept is not None and not isinstance(error, Trouble)
            if latest == announced and not ended:
                raise Trouble("%s: %s" % (announced.url, error)) from error
        try:
            return self._exchange(self._connect(latest), latest, route, body, answer_seconds)
        except _FAULTS as error:
            raise Trouble("%s: %s" % (latest.url, error)) from error

    def close(self) -> None:
        """Ends the calling thread's connection."""
        kept = getattr(self._kept, "connection", None)
        self._kept.connection = None
        if kept is not None:
            kept.close()

    def _connection(self, announced: Announcement):
        """This thread's kept connection, unless it leads to another daemon or was made by the process that forked this one."""
        kept = getattr(self._kept, "connection", None)
        if kept is not None and self._kept.owner == (announced.url, os.getpid()):
            return kept
        self.close()
        return None

    def _connect(self, announced: Announcement):
        self.close()
        url = urlsplit(announced.url)
        connection = _Connection(url.hostname, url.port, timeout=CONNECT_SECONDS)
        connection.connect()
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept.connection = connection
        self._kept.owner = (announced.url, os.getpid())
        return connection

    def _exchange(self, connection, announced: Announcement, route: str, body: dict | bytes | None, answer_seconds: float) -> dict:
        headers = {"Authorization": "Bearer " + announced.token}
        method, content = "GET", None
        if body is not None:
            headers["Content-Type"] = "application/json"
            method, content = "POST", body if isinstance(body, bytes) else json.dumps(body).encode("utf-8")
        try:
            connection.sock.settimeout(answer_seconds)
            connection.request(method, route, content, headers)
            response = connection.getresponse()
            text = response.read(_ANSWER_BYTES)
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
    """What the daemon says of an error."""
    error = answer.get("error") if isinstance(answer, dict) else None
    message = error.get("message") if isinstance(error, dict) else None
    return message[:500] if isinstance(message, str) else None


def _read_announcement(file: str) -> Announcement:
    try:
        with open(file, encoding="utf-8") as text:
            found = json.load(text)
        with open(os.path.join(os.path.dirname(file), found["tokenFile"]), encoding="utf-8") as text:
            token = text.read().strip()
        url = urlsplit(str(found["url"]))
        if url.scheme != "http" or not url.hostname or not url.port:
            raise ValueError("its url is %s" % found["url"])
        return Announcement(url.geturl(), int(found["pid"]), token)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Trouble("%s cannot be used: %s" % (file, error)) from error
