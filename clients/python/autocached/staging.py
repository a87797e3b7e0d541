"""Gives large results to a local daemon in a file of the daemon: their bytes need no connection."""

from __future__ import annotations

import os
import pathlib

from .blobs import seen_here
from .connection import Request
from .daemon import ANSWER_SECONDS, STORE_SECONDS, Daemon, Trouble
from .hashing import PIECE_BYTES, state_of
from .pieces import Pieces
from .values import Content

# Minimum number of bytes; fewer are sent as fast.
_LEAST_BYTES = 1 << 20
# Size of one write: for larger ones Linux looks for larger pieces of memory, which takes up to twice as long.
_WRITE_BYTES = 1 << 19


def fill(daemon: Daemon, content: Content) -> str | None:
    """The name of a daemon's file with the content; None when the bytes must be sent. Raises OSError for a missing file."""
    size = content.stat().st_size if isinstance(content, pathlib.Path) else len(content)
    if size < _LEAST_BYTES:
        return None
    try:
        # The pid of a process elsewhere differs here.
        pid = {"pid": os.getpid()} if daemon.announcement().pid else {}
        staged = daemon.post("/api/memo/stage", dict(pid, size=size))
    except Trouble:
        return None
    try:
        _write_to(seen_here(daemon, staged["path"]), content)
        return staged["staged"]
    except (Trouble, OSError, KeyError):
        give_back(daemon, staged.get("staged"))
        return None


def take(daemon: Daemon, staged: str) -> str | None:
    """Makes a filled file a blob. The SHA-256 found by the daemon; None when the bytes must be sent."""
    try:
        return daemon.post("/api/memo/blobs", {"staged": staged}, STORE_SECONDS - ANSWER_SECONDS)["sha256"]
    except (Trouble, KeyError):
        give_back(daemon, staged)
        return None


def _write_to(target: pathlib.Path | None, content: Content) -> None:
    if target is None:
        raise OSError("the file of the daemon is not to be seen here")
    # The file is the daemon's: a missing one is not created.
    with open(os.open(target, os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)), "wb", buffering=0) as writing:
        if isinstance(content, pathlib.Path):
            with open(content, "rb", buffering=0) as reading:
                before = state_of(os.fstat(reading.fileno()))
                while piece := reading.read(PIECE_BYTES):
                    _write(writing, piece)
                if state_of(os.fstat(reading.fileno())) != before:
                    raise OSError("%s is being written to" % content)
        else:
            for piece in content if isinstance(content, Pieces) else (content,):
                _write(writing, piece)


def _write(file, data) -> None:
    rest = memoryview(data)
    while len(rest):
        rest = rest[file.write(rest[:_WRITE_BYTES]) :]


def give_back(daemon: Daemon, name) -> None:
    try:
        daemon.call(Request("DELETE", "/api/memo/stage/%s" % name), ANSWER_SECONDS)
    except Trouble:
        pass
