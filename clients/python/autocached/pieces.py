"""Large contents in several pieces of memory, because joining them would copy them."""

from __future__ import annotations


class Pieces:
    """Bytes in several pieces of memory."""

    def __init__(self, pieces: list):
        self._pieces = pieces

    def __len__(self) -> int:
        return sum(len(piece) for piece in self._pieces)

    def __iter__(self):
        return iter(self._pieces)
