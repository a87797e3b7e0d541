"""SHA-256 of bytes and of files. A file that has not changed is read once in a process."""

from __future__ import annotations

import collections
import hashlib
import os
import stat
import time

from .per_process import PerProcess

PIECE_BYTES = 1 << 20
_MOST_KNOWN = 4096
# Time after a write within which another write may leave the file's time unchanged.
_SETTLED_SECONDS = 2.0

_known = PerProcess(collections.OrderedDict)


def sha256_of(data) -> str:
    return hashlib.sha256(data).hexdigest()


def file_sha256(path: str | os.PathLike) -> str:
    """Raises OSError, and ValueError for a file that is not regular or changes while it is read."""
    real = os.path.realpath(path)
    found = os.stat(real)
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("%s is no regular file" % path)
    before = state_of(found)
    known = _known()
    state, digest_then = known.get(real, (None, ""))
    if state == before:
        return digest_then
    digest = hashlib.sha256()
    with open(real, "rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
        after = state_of(os.fstat(file.fileno()))
    if before != after:
        raise ValueError("%s is being written to" % path)
    if time.time() - max(after[1], after[2]) / 1e9 > _SETTLED_SECONDS:
        known[real] = (after, digest.hexdigest())
        if len(known) > _MOST_KNOWN:
            known.popitem(last=False)
    return digest.hexdigest()


def state_of(found: os.stat_result) -> tuple[int, int, int, int]:
    """Changes when a file is written to."""
    return (found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
