"""The daemon's catalog, read only: sealed copies can still be used while no daemon answers."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
from urllib.request import pathname2url

from .private import believed_directories, check_own, is_within

log = logging.getLogger("autocached")

_TIERS = ("ram", "ssd")
_QUERY = """
    SELECT tier, copy_path, copy_size, copy_mtime_ns, copy_ino FROM resolver_v1
    WHERE source_path = ? AND source_size = ? AND source_mtime_ns = ?
"""


def sealed_copy(state_dir: str, path: str, source: os.stat_result) -> str | None:
    """
    The path of a copy of the source as it is now (`source` is its stat) that still looks as it did when it was sealed; None
    when there is none or the catalog cannot be read.
    """
    directories = believed_directories(state_dir)
    rows = [row for row in _rows(state_dir, path, source) if row[0] in _TIERS and is_within(row[1], directories)]
    for _, copy, size, mtime_ns, ino in sorted(rows, key=lambda row: _TIERS.index(row[0])):
        if _seal_holds(copy, (size, mtime_ns, ino)):
            return copy
    return None


def _rows(state_dir: str, path: str, source: os.stat_result) -> list[tuple]:
    file = os.path.join(state_dir, "catalog.db")
    # A reader of a catalog that nobody has open would leave a -wal and a -shm file there, which belong to ComfyUI's user
    # and can keep the daemon out. Without a -wal file nothing is being written, so the file can be read as it lies.
    mode = "mode=ro" if os.path.exists(file + "-wal") else "mode=ro&immutable=1"
    uri = "file:%s?%s" % (pathname2url(file), mode)
    try:
        # Modes are those of the directory: SQLite gives its files those of the process.
        check_own(file, os.stat(file), 0)
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0.05)) as catalog:
            return catalog.execute(_QUERY, (path, source.st_size, str(source.st_mtime_ns))).fetchall()
    except (sqlite3.Error, OSError, ValueError) as error:
        log.debug("autocached: the catalog %s cannot be read: %s", file, error)
        return []


def _seal_holds(copy: str, seal: tuple) -> bool:
    try:
        now = os.lstat(copy)
    except OSError:
        return False
    return seal == (now.st_size, str(now.st_mtime_ns), str(now.st_ino))
