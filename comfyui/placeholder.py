"""Placeholders: files in lists that represent models on a remote only. No program may open one as a model."""

from __future__ import annotations

import os
import stat

_OPENING = b"autocached placeholder: "
# Size that a file system may allocate to a file at once.
_SMALL_BYTES = 64 * 1024


class NoCopy(Exception):
    """A model that is only on a remote has no copy. The message tells users why."""


def is_placeholder(path: str, found: os.stat_result | None = None) -> bool:
    """True for a placeholder. `found` is its stat, if known. A file is read only when it has a placeholder's rights."""
    try:
        found = found or os.stat(path)
        if not stat.S_ISREG(found.st_mode) or not has_its_rights(found):
            return False
        with open(path, "rb") as file:
            start = file.read(len(_OPENING))
    except PermissionError:
        # Only the system's own user may read a file without rights, so its stat must tell: it has a place for bytes that it does not have.
        # The sentence may fill a small one, and no model is so small.
        return found.st_size <= _SMALL_BYTES or getattr(found, "st_blocks", 0) * 512 < found.st_size
    except OSError:
        return False
    return start == _OPENING[: len(start)] and len(start) > 0


def has_its_rights(found: os.stat_result) -> bool:
    """A placeholder may not be read, written or executed by anybody. On Windows it may not be written."""
    return stat.S_IMODE(found.st_mode) & (0o222 if os.name == "nt" else 0o777) == 0


def no_copy(path: str, why: str) -> NoCopy:
    """The exception for a placeholder. `why` follows the name of the model."""
    return NoCopy("autocached: %s lies on a remote only, and there is no copy of it: %s" % (os.path.basename(path), why))
