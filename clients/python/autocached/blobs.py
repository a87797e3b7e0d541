"""Bytes of results: from the daemon's files, or over HTTP if these cannot be opened, and to the daemon. All are checked by their hash."""

from __future__ import annotations

import atexit
import hashlib
import os
import pathlib
import shutil
import tempfile

from ._common.private import is_within
from .connection import Request
from .daemon import STORE_SECONDS, Daemon, Trouble
from .hashing import PIECE_BYTES, sha256_of
from .per_process import PerProcess
from .values import Content, safe_name

_MOST_BYTES = 1 << 40


def read_blob(daemon: Daemon, sha256: str, path: str) -> bytes:
    """The bytes of a blob. Raises Trouble when they cannot be read or do not match its name."""
    here = seen_here(daemon, path)
    try:
        data = here.read_bytes() if here else b""
    except OSError:
        data = b""
    return data if sha256_of(data) == sha256 else _fetch(daemon, sha256)


def keep_file(daemon: Daemon, name: str, sha256: str, path: str) -> pathlib.Path:
    """
    A file of this process with the bytes of a blob, removed when the process ends. It is a copy, which a program may change.
    Raises Trouble or OSError.
    """
    kept = pathlib.Path(tempfile.mkdtemp(dir=_files())) / safe_name(name)
    if not _copy(seen_here(daemon, path), kept, sha256):
        kept.write_bytes(_fetch(daemon, sha256))
    return kept


def store_blobs(daemon: Daemon, blobs: dict[str, Content]) -> None:
    """Sends the missing blobs to the daemon. Raises Trouble."""
    names = list(blobs)
    if not names:
        return
    for name in daemon.post("/api/memo/blobs/missing", {"sha256": names})["missing"]:
        content = blobs[name]
        is_file = isinstance(content, pathlib.Path)
        size = content.stat().st_size if is_file else len(content)
        opened = _opener(content) if is_file else content
        daemon.put(Request("PUT", _target(name), opened, "application/octet-stream", name, size))


def _opener(path: pathlib.Path):
    return lambda: open(path, "rb", buffering=PIECE_BYTES)


def _target(sha256: str) -> str:
    return "/api/memo/blobs/" + sha256


def seen_here(daemon: Daemon, path: str) -> pathlib.Path | None:
    """The path of the daemon's file in this process; None for a path outside the directories of copies."""
    announced = daemon.announcement()
    here = announced.here(path) if isinstance(path, str) else ""
    return pathlib.Path(here) if is_within(here, announced.directories) else None


def _fetch(daemon: Daemon, sha256: str) -> bytes:
    answer = daemon.call(Request("GET", _target(sha256), most_bytes=_MOST_BYTES, is_proven=False), STORE_SECONDS)
    if answer.status != 200 or sha256_of(answer.body) != sha256:
        raise Trouble("the blob %s cannot be read" % sha256)
    return answer.body


def _copy(source: pathlib.Path | None, target: pathlib.Path, sha256: str) -> bool:
    """False when the source cannot be opened, or has other bytes."""
    if source is None:
        return False
    digest = hashlib.sha256()
    try:
        with open(source, "rb") as reading, open(target, "wb") as writing:
            while piece := reading.read(PIECE_BYTES):
                digest.update(piece)
                writing.write(piece)
    except OSError:
        return False
    return digest.hexdigest() == sha256


def _make_files() -> str:
    directory = tempfile.mkdtemp(prefix="autocached-")
    made_by = os.getpid()
    # A forked child has the parent's exit handlers, too.
    atexit.register(lambda: os.getpid() == made_by and shutil.rmtree(directory, ignore_errors=True))
    return directory


_files = PerProcess(_make_files)
