"""The available memory, and the memory that a value takes."""

from __future__ import annotations

import ctypes
import os
import sys

MB = 1 << 20
_CGROUP = "/sys/fs/cgroup"
# Maximum depth of nested values.
_MOST_LEVELS = 8


def available_mb() -> float:
    """Memory that this process can take without swapping, or of its container if limited; MB of 2^20 bytes."""
    return _memory()[0] / MB


def used_share() -> float:
    """The share of the machine's memory that is in use, 0 to 1."""
    available, total = _memory()
    return 1 - available / total if total else 0.0


def measured_mb(data) -> float:
    """The known size of a value: its bytes, the elements of its arrays and tensors, the parameters of a module."""
    return _bytes_of(data, 0) / MB


def _memory() -> tuple[float, float]:
    """Available and total, bytes."""
    if sys.platform == "win32":
        return _of_windows()
    available, total = _of_linux() if sys.platform == "linux" else _of_posix()
    limit, used = _number_in(_CGROUP + "/memory.max"), _number_in(_CGROUP + "/memory.current")
    if limit and used is not None and limit < total:
        return max(0.0, min(available, limit - used)), limit
    return available, total


def _of_linux() -> tuple[float, float]:
    with open("/proc/meminfo", encoding="ascii") as lines:
        found = {name: float(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
    return found.get("MemAvailable", found["MemFree"]), found["MemTotal"]


def _of_posix() -> tuple[float, float]:
    """Half of the memory, because macOS does not report the available part."""
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    return total / 2, total


def _of_windows() -> tuple[float, float]:
    class Status(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ulong), ("load", ctypes.c_ulong), ("total", ctypes.c_ulonglong)]
        _fields_ += [("available", ctypes.c_ulonglong), ("others", ctypes.c_ulonglong * 5)]

    status = Status(length=ctypes.sizeof(Status))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))
    return float(status.available), float(status.total)


def _number_in(file: str) -> float | None:
    """None when the file does not exist or has no limit."""
    try:
        with open(file, encoding="ascii") as lines:
            return float(lines.read())
    except (OSError, ValueError):
        return None


def _bytes_of(data, level: int) -> int:
    if isinstance(data, (bytes, bytearray, memoryview)):
        return len(data)
    size = getattr(data, "nbytes", None)
    if isinstance(size, int):
        return size
    if level >= _MOST_LEVELS:
        return 0
    if isinstance(data, dict):
        return sum(_bytes_of(item, level + 1) for item in data.values())
    if isinstance(data, (list, tuple)):
        return sum(_bytes_of(item, level + 1) for item in data)
    parts = [getattr(data, name, None) for name in ("parameters", "buffers")]
    if isinstance(data, type) or not all(callable(part) for part in parts):
        return 0
    return sum(_bytes_of(item, level + 1) for part in parts for item in part())
