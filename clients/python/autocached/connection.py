"""One connection to the daemon, on which both sides have proven that they know the token."""

from __future__ import annotations

import http.client
import socket
from typing import IO, NamedTuple
from urllib.parse import urlsplit

from ._common.announcement import Announcement
from ._common.process import this_process
from ._common.proof import ANSWER_HEADER, NotTheDaemon, prove
from ._common.timed_http import TimedConnection

# Errors of a connection, of HTTP, or of another program on the daemon's port.
FAULTS = (OSError, http.client.HTTPException, ValueError, NotTheDaemon)
_PIECE_BYTES = 1 << 18


class Request(NamedTuple):
    """`content` is the body, or a function that opens it as a file of `size` bytes with the SHA-256 `digest`."""

    method: str
    target: str
    content: object = None
    content_type: str = "application/json"
    digest: str | None = None
    size: int | None = None
    # A longer answer is a fault: another program on the port cannot fill the memory.
    most_bytes: int = 1 << 24
    # The bytes of a blob are proven by their name, not by the connection.
    is_proven: bool = True


class Answer(NamedTuple):
    status: int
    body: bytes


class Connection:
    """Raises one of FAULTS when the other end cannot be reached within `seconds`, or is not the daemon."""

    def __init__(self, announced: Announcement, seconds: float):
        self.announced = announced
        # False after a fault, or when the daemon ends the connection.
        self.is_usable = False
        url = urlsplit(announced.url)
        self._http = TimedConnection(url.hostname, url.port, timeout=seconds, blocksize=_PIECE_BYTES)
        self._http.connect()
        try:
            self._http.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._http.answer_within(seconds)
            self._session = prove(self._http, announced.token, announced.host)
        except BaseException:
            self._http.close()
            raise
        self.is_usable = True

    def close(self) -> None:
        self.is_usable = False
        self._http.close()

    def exchange(self, request: Request, seconds: float) -> Answer:
        """Asks, and reads the whole answer, within `seconds` and a second more for each MB. Raises one of FAULTS."""
        self.is_usable = False
        content = request.content() if callable(request.content) else request.content
        try:
            answer = self._exchange(request, content, seconds)
        except BaseException:
            self._http.close()
            raise
        finally:
            if callable(request.content):
                content.close()
        if not self.is_usable:
            self._http.close()
        return answer

    def _exchange(self, request: Request, content: bytes | IO[bytes] | None, seconds: float) -> Answer:
        in_memory = content if isinstance(content, bytes) else None
        headers = {"Host": self.announced.host, "X-Autocached-Process": this_process()}
        headers["Authorization"] = self._session.authorization(request.method, request.target, in_memory, request.digest)
        if content is not None:
            headers["Content-Type"] = request.content_type
            headers["Content-Length"] = str(request.size if in_memory is None else len(in_memory))
        self._http.sock.settimeout(seconds)
        self._http.request(request.method, request.target, content, headers)
        self._http.answer_within(seconds, request.most_bytes)
        response = self._http.getresponse()
        body = response.read(request.most_bytes)
        if request.is_proven and not self._session.is_answer(response.getheader(ANSWER_HEADER), response.status, body):
            raise NotTheDaemon("the answer is not the daemon's")
        self.is_usable = response.isclosed() and not response.will_close
        return Answer(response.status, body)
