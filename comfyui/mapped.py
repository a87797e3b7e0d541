"""The files that this process has mapped. A mapped model is still loaded from that file."""

from __future__ import annotations

import os


def mapped(paths: set[str]) -> set[str] | None:
    """The paths that this process has mapped. None except on Linux, which alone reports them."""
    try:
        with open("/proc/self/maps", "rb") as maps:
            lines = {line.rstrip(b"\n").partition(b"/")[2] for line in maps}
    except OSError:
        return None
    # The kernel writes a newline in a name as \012.
    return {path for path in paths if os.fsencode(path).replace(b"\n", b"\\012").lstrip(b"/") in lines}
