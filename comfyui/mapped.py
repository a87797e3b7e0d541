"""Which files this process has mapped: for a model, whether it is still loaded from there."""

from __future__ import annotations

import os


def mapped(paths: set[str]) -> set[str] | None:
    """Those of the paths that this process has mapped. None where the system does not tell: only Linux does."""
    try:
        with open("/proc/self/maps", "rb") as maps:
            lines = {line.rstrip(b"\n").partition(b"/")[2] for line in maps}
    except OSError:
        return None
    # The kernel writes a newline in a name as \012.
    return {path for path in paths if os.fsencode(path).replace(b"\n", b"\\012").lstrip(b"/") in lines}
