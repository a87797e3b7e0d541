"""The daemon's catalog, read only: sealed copies can still be used while no daemon answers."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
from urllib.request import pathname2url

from .private import believed_directories, check_own, is_within

log = logging.getLogger("autocached")

_TIERS = ("ram", "ssd")
_QUERY = """
    SELECT * FROM %s
    WHERE source_path = ? AND source_size = ? AND source_mtime_ns = ?
"""


def sealed_copy(state_dir: str, path: str, source: os.stat_result) -> str | None:
    """
    The path of a copy of the source as it is now (`source` is its stat) that still looks as it did when it was sealed; None
    when there is none or the catalog cannot be read.
    """
    directories = believed_directories(state_dir)
    found = _rows(state_dir, path, source)
    real = os.path.realpath(path)
    if not found and real != path:
        # The catalog names sources without the links that lead to their folders.
        found = _rows(state_dir, real, source)
    rows = [row for row in found if row["tier"] in _TIERS and is_within(row["copy_path"], directories)]
    for row in sorted(rows, key=lambda row: _TIERS.index(row["tier"])):
        if _is_of(row, source) and _seal_holds(row["copy_path"], (row["copy_size"], row["copy_mtime_ns"], row["copy_ino"])):
            return row["copy_path"]
    return None


def _view(catalog) -> str:
    """The newest of the views that are kept for this reader."""
    views = catalog.execute("SELECT name FROM sqlite_master WHERE type = 'view' AND name IN ('resolver_v1', 'resolver_v2')")
    return max((name for (name,) in views), default="resolver_v1")


def _is_of(row: dict, source: os.stat_result) -> bool:
    """
    The source may have been written to and its mtime put back, or another file renamed over it: its inode and ctime tell. A catalog of
    before has neither, and on Windows Python calls something else a ctime.
    """
    ino, ctime_ns = row.get("source_ino"), row.get("source_ctime_ns")
    same_time = ctime_ns is None or sys.platform == "win32" or ctime_ns == str(source.st_ctime_ns)
    return (ino is None or ino == str(source.st_ino)) and same_time


def _rows(state_dir: str, path: str, source: os.stat_result) -> list[dict]:
    file = os.path.join(state_dir, "catalog.db")
    # A reader of a catalog that nobody has open would leave a -wal and a -shm file there, which belong to ComfyUI's user
    # and can keep the daemon out. Without a -wal file nothing is being written, so the file can be read as it lies.
    mode = "mode=ro" if os.path.exists(file + "-wal") else "mode=ro&immutable=1"
    uri = "file:%s?%s" % (pathname2url(file), mode)
    try:
        # Modes are those of the directory: SQLite gives its files those of the process.
        check_own(file, os.stat(file), 0)
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0.05)) as catalog:
            found = catalog.execute(_QUERY % _view(catalog), (path, source.st_size, str(source.st_mtime_ns)))
            names = [column[0] for column in found.description]
            return [dict(zip(names, row)) for row in found]
    except (sqlite3.Error, OSError, ValueError) as error:
        log.debug("autocached: the catalog %s cannot be read: %s", file, error)
        return []


def _seal_holds(copy: str, seal: tuple) -> bool:
    try:
        now = os.lstat(copy)
    except OSError:
        return False
    return seal == (now.st_size, str(now.st_mtime_ns), str(now.st_ino))
