"""HTTP with a time limit for each answer as a whole: another program at the daemon's address may send it byte by byte."""

from __future__ import annotations

import http.client
import socket
import time

# Rate that sets the additional time of a long answer, bytes per second.
_SLOWEST_RATE = 1_000_000


class _Socket(socket.socket):
    _until = float("inf")
    _more = 0

    def read_within(self, seconds: float, most_bytes: int) -> None:
        self.settimeout(seconds)
        self._until = time.monotonic() + seconds
        self._more = most_bytes

    def recv_into(self, *args):
        self.settimeout(max(self._until - time.monotonic(), 0.001))
        taken = super().recv_into(*args)
        if time.monotonic() > self._until:
            raise socket.timeout("no whole answer in time")
        gained = min(taken, self._more)
        self._more -= gained
        self._until += gained / _SLOWEST_RATE
        return taken


class TimedConnection(http.client.HTTPConnection):
    """Ends with its owner. It does not reopen itself: the daemon's proof holds for one connection only."""

    auto_open = 0

    def connect(self) -> None:
        super().connect()
        self.sock = _Socket(fileno=self.sock.detach())
        self.sock.settimeout(self.timeout)

    def answer_within(self, seconds: float, most_bytes: int = 0) -> None:
        """From now on: the next answer, of at most `most_bytes`, is read in this time, or `socket.timeout` is raised."""
        self.sock.read_within(seconds, most_bytes)

    def __del__(self):
        self.close()
