"""
Reuses the memory of copies. Pages that a process has not used before take the kernel ten times as long as the copying itself, while
ComfyUI waits.
"""

from __future__ import annotations

import contextlib
import threading

# Minimum size; smaller copies come from memory that Python has.
LEAST_BYTES = 1 << 20
# Limit of the memory kept for later copies.
_MOST_BYTES = 64 << 20
# An image of 1024 x 1024 has 12 MiB, and one copy is stored while the next one is made.
_PREPARED = 2
_PREPARED_BYTES = 16 << 20


class SpareMemory:
    def __init__(self):
        self._lock = threading.Lock()
        self._spare: list[bytearray] = []

    def take(self, size: int) -> bytearray:
        """Memory of at least this size, with any content."""
        with self._lock:
            fitting = [block for block in self._spare if len(block) >= size]
            if fitting:
                taken = min(fitting, key=len)
                self._spare = [block for block in self._spare if block is not taken]
                return taken
        return bytearray(size)

    def give(self, block: bytearray) -> None:
        """Takes back unused memory. The largest blocks are kept, because they fit more copies."""
        if len(block) < LEAST_BYTES:
            return
        with self._lock:
            left = _MOST_BYTES
            kept = []
            for one in sorted([*self._spare, block], key=len, reverse=True):
                if len(one) <= left:
                    kept.append(one)
                    left -= len(one)
            self._spare = kept

    def prepare(self) -> None:
        """Prepares memory for the first copies. Other threads run meanwhile. Does nothing where the system does not support it."""
        with contextlib.suppress(OSError, MemoryError), open("/dev/zero", "rb", buffering=0) as zeros:
            for _ in range(_PREPARED):
                block = bytearray(_PREPARED_BYTES)
                # Writing from Python would hold all other threads.
                zeros.readinto(block)
                self.give(block)
