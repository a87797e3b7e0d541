"""Reads files that only the user can have written, and the directories that such a file names."""

from __future__ import annotations

import json
import os
import stat

# Forbidden mode bits: other users must not write a file, and must not read a secret.
OURS = 0o022
SECRET = 0o077
_MOST_BYTES = 1 << 16


def read_private(file: str, forbidden: int | None) -> str:
    """
    The text of a small regular file, not a link, that only this user or root can have written. With None as `forbidden` any owner is
    accepted, because the user has named the file. Raises OSError or ValueError.
    """
    # Opening a pipe or a device must not wait.
    follow = 0 if forbidden is None else getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | follow)
    try:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise ValueError(file + " is no regular file")
        if forbidden is not None:
            check_own(file, found, forbidden)
        data = os.read(descriptor, _MOST_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MOST_BYTES:
        raise ValueError(file + " is too large")
    return data.decode("utf-8")


def check_own(path: str, found: os.stat_result, forbidden: int = OURS) -> None:
    """Raises ValueError when another user owns the file with this stat or has forbidden rights. Windows protects profiles by itself."""
    if not hasattr(os, "geteuid"):
        return
    if _is_shared(found, forbidden):
        return
    if found.st_uid not in (os.geteuid(), 0):
        raise ValueError(path + " belongs to another user")
    if found.st_mode & forbidden:
        raise ValueError(path + " can be read or written by other users")


def _is_shared(found: os.stat_result, forbidden: int) -> bool:
    """True for a file shared with AUTOCACHE_GROUP: members can only read it, and other users cannot read a secret."""
    name = os.environ.get("AUTOCACHE_GROUP", "").strip()
    if not name:
        return False
    import grp

    try:
        group = int(name) if name.isdigit() else grp.getgrnam(name).gr_gid
    except KeyError:
        return False
    return found.st_gid == group and not found.st_mode & (0o027 if forbidden & 0o044 else 0o022)


def believed_directories(state_dir: str) -> tuple[str, ...]:
    """The directories of copies, as the daemon wrote them at its last start. Empty when the file cannot be trusted."""
    try:
        check_own(state_dir, os.stat(state_dir))
        named = json.loads(read_private(os.path.join(state_dir, "directories.json"), OURS))["directories"]
        return tuple(path for path in named if isinstance(path, str) and os.path.isabs(path))
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def is_within(path: str, directories: tuple[str, ...]) -> bool:
    """True for a path below one of the directories and without `..` in it."""
    plain = os.path.normcase(path)
    if os.path.normcase(os.path.normpath(path)) != plain:
        return False
    return any(plain.startswith(os.path.join(os.path.normcase(directory), "")) for directory in directories)
