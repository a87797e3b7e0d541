"""This process's access to the daemon: from any number of threads, over connections that are kept open."""

from __future__ import annotations

import collections
import json
import os
import socket

from ._common.announcement import Announcement, read_announcement
from ._common.breaker import Breaker, Late, Trouble
from ._common.state import state_directory
from .connection import FAULTS, Answer, Connection, Request
from .per_process import PerProcess

# Maximum silence of the daemon. A busy machine is slow without being away.
ANSWER_SECONDS = 2.0
# Storing waits for a disk.
STORE_SECONDS = 30.0
# The daemon understood the request and refuses it. Retrying would not help.
_REFUSALS = (400, 404, 409, 413, 415, 422, 429)
# Maximum number of idle connections.
_MOST_IDLE = 16


class Refused(Trouble):
    """The daemon understood the request and refuses it. `code` and the message are the daemon's."""

    def __init__(self, code: str, message: str):
        super().__init__(message)
        self.code = code


def daemon_at(state_dir: str | None, meanwhile: str) -> PerProcess[Daemon]:
    """
    The daemon of a state directory, located at the first use; None = by the daemon's own rules. `meanwhile` says in the log what
    happens without it.
    """
    named = os.path.abspath(state_dir) if state_dir else None
    return PerProcess(lambda: Daemon(named or state_directory(os.path.dirname(__file__)), meanwhile))


class Daemon:
    def __init__(self, state_dir: str, meanwhile: str):
        self.state_dir = state_dir
        self._file = os.path.join(state_dir, "daemon.json")
        self.breaker = Breaker(self.stamp, meanwhile=meanwhile)
        # Its operations are atomic.
        self._idle: collections.deque[Connection] = collections.deque(maxlen=_MOST_IDLE)
        self._read: tuple | None = None

    def stamp(self) -> tuple | None:
        """Changes when daemon.json does; None when there is none."""
        try:
            seen = os.stat(self._file)
        except OSError:
            return None
        return (seen.st_mtime_ns, seen.st_ino, seen.st_size)

    def announcement(self, again: bool = False) -> Announcement:
        """The present announcement, read again when its file has changed or with `again`. Raises Trouble."""
        stamp, known = self.stamp(), self._read
        if stamp is None and not os.environ.get("AUTOCACHE_URL"):
            raise Trouble("there is no " + self._file)
        if again or known is None or known[0] != stamp:
            try:
                known = self._read = (stamp, read_announcement(self._file))
            # Arithmetic and recursion: numbers and nesting without bound.
            except (OSError, ValueError, KeyError, TypeError, ArithmeticError, RecursionError) as error:
                raise Trouble("%s cannot be used: %s" % (self._file, error)) from error
        return known[1]

    def post(self, route: str, body: dict, more_seconds: float = 0.0) -> dict:
        """The daemon's answer, a JSON object. `more_seconds` is for requests that wait. Raises Trouble or Refused."""
        answer = self.call(Request("POST", route, json.dumps(body, allow_nan=False).encode()), ANSWER_SECONDS + more_seconds)
        return _object_in(answer)

    def put(self, request: Request) -> dict:
        """The same for a body that the daemon stores."""
        return _object_in(self.call(request, STORE_SECONDS))

    def call(self, request: Request, seconds: float) -> Answer:
        """
        Asks a second time when a kept connection has ended, or when the daemon has a new address or token. Raises Trouble.
        """
        announced = self.announcement()
        kept = self._kept(announced)
        try:
            return self._ask(kept or Connection(announced, ANSWER_SECONDS), request, seconds)
        except socket.timeout:
            raise Late("no answer in time from " + announced.url) from None
        except FAULTS as error:
            latest = self.announcement(again=True)
            if kept is None and latest == announced:
                raise Trouble("%s: %s" % (announced.url, error)) from error
        # The end of one kept connection ends all of them.
        self._idle.clear()
        try:
            return self._ask(Connection(latest, ANSWER_SECONDS), request, seconds)
        except socket.timeout:
            raise Late("no answer in time from " + latest.url) from None
        except FAULTS as error:
            raise Trouble("%s: %s" % (latest.url, error)) from error

    def _ask(self, connection: Connection, request: Request, seconds: float) -> Answer:
        answer = connection.exchange(request, seconds)
        if connection.is_usable:
            self._idle.append(connection)
        return answer

    def _kept(self, announced: Announcement) -> Connection | None:
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                return None
            if connection.announced == announced:
                return connection
            connection.close()


def _object_in(answer: Answer) -> dict:
    try:
        found = json.loads(answer.body)
    except ValueError:
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    told = [str(error[name])[:500] for name in ("message", "hint") if error.get(name)] if isinstance(error, dict) else []
    if told and answer.status in _REFUSALS:
        raise Refused(str(error.get("code")), ". ".join(told))
    if not 200 <= answer.status < 300 or not isinstance(found, dict):
        raise Trouble(". ".join(told) or "status %d" % answer.status)
    return found
