"""The daemon's catalog, read-only: while no daemon answers, sealed copies remain usable."""

from __future__ import annotations

import contextlib
import logging
import os
import sqlite3
import sys
from urllib.request import pathname2url

from .placeholder import has_its_rights
from .private import believed_directories, check_own, is_within

log = logging.getLogger("autocached")

_TIERS = ("ram", "ssd")
_QUERY = "SELECT * FROM %s WHERE source_size = ? AND source_mtime_ns = ? AND "
_BY_PATH = _QUERY + "source_path = ?"
# Two files differ in one of these four.
_BY_FILE = _QUERY + "source_ino = ? AND source_ctime_ns = ?"


def sealed_copy(state_dir: str, path: str, source: os.stat_result) -> str | None:
    """
    The path of an unchanged sealed copy of the source. `source` is the source's stat, and the copy must be of this state of it. None
    without such a copy or without a readable catalog.
    """
    directories = believed_directories(state_dir)
    found = _rows(state_dir, source, _BY_PATH, path)
    real = os.path.realpath(path)
    if not found and real != path:
        found = _rows(state_dir, source, _BY_PATH, real)
    if not found:
        # The catalog has the paths by which the model folders were named first: these may lead through links that this path does not.
        found = _rows(state_dir, source, _BY_FILE, str(source.st_ino), str(source.st_ctime_ns))
    rows = [row for row in found if row["tier"] in _TIERS and is_within(row["copy_path"], directories)]
    for row in sorted(rows, key=lambda row: _TIERS.index(row["tier"])):
        if _is_of(row, source) and _seal_holds(row["copy_path"], (row["copy_size"], row["copy_mtime_ns"], row["copy_ino"])):
            return row["copy_path"]
    return None


def _view(catalog) -> str:
    """The newest view of the catalog for this reader."""
    views = catalog.execute("SELECT name FROM sqlite_master WHERE type = 'view' AND name IN ('resolver_v1', 'resolver_v2')")
    return max((name for (name,) in views), default="resolver_v1")


def _is_of(row: dict, source: os.stat_result) -> bool:
    """
    Compares inode and ctime too: they change when a program restores the mtime after a write, or renames another file over the source.
    Older catalogs have neither. On Windows Python's ctime is the time of creation. A placeholder's say nothing of its model.
    """
    if has_its_rights(source):
        return True
    ino, ctime_ns = row.get("source_ino"), row.get("source_ctime_ns")
    same_time = ctime_ns is None or sys.platform == "win32" or ctime_ns == str(source.st_ctime_ns)
    return (ino is None or ino == str(source.st_ino)) and same_time


def _rows(state_dir: str, source: os.stat_result, query: str, *values: str) -> list[dict]:
    file = os.path.join(state_dir, "catalog.db")
    # A reader of a catalog without other users would leave -wal and -shm files there. These would belong to ComfyUI's user
    # and could lock the daemon out. Without a -wal file nothing is being written, so the file can be read as immutable.
    mode = "mode=ro" if os.path.exists(file + "-wal") else "mode=ro&immutable=1"
    uri = "file:%s?%s" % (pathname2url(file), mode)
    try:
        # The directory protects the catalog: SQLite creates its files with the modes of the process.
        check_own(file, os.stat(file), 0)
        with contextlib.closing(sqlite3.connect(uri, uri=True, timeout=0.05)) as catalog:
            found = catalog.execute(query % _view(catalog), (source.st_size, str(source.st_mtime_ns), *values))
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
