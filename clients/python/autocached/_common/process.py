"""A unique identity of this process, by which the daemon notices its end."""

from __future__ import annotations

import os
import secrets
import sys

_known: tuple[int, str] | None = None


def this_process() -> str:
    """`boot/namespace/start` of this process from Linux, or a random text of that form elsewhere. It changes after a fork."""
    global _known
    pid = os.getpid()
    if _known is None or _known[0] != pid:
        _known = (pid, _from_system() or "%s/none/%s" % (sys.platform, secrets.token_hex(16)))
    return _known[1]


def _from_system() -> str | None:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            boot = file.read().strip()
        namespace = "".join(filter(str.isdigit, os.readlink("/proc/self/ns/pid")))
        with open("/proc/self/stat", encoding="latin-1") as file:
            # The program's name is in parentheses and may contain parentheses.
            start = file.read().rpartition(")")[2].split()[19]
    except (OSError, ValueError, IndexError):
        return None
    return "%s/%s/%s" % (boot, namespace, start) if boot and namespace else None
