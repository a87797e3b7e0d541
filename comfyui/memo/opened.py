"""The files that this process may have in memory, by the node that opened them, with their states then."""

from __future__ import annotations

import collections
import threading

_MOST_RESTORED = 10_000


class OpenedFiles:
    """
    Opened files of this run of ComfyUI. Models stay in memory, and a node may use one that it opened long ago: after a file has changed,
    parts of both states may be in memory until ComfyUI is restarted.
    """

    def __init__(self):
        self._lock = threading.Lock()
        self._by_node: dict[str, set[tuple]] = {}
        self._states: dict[tuple, object] = {}
        self._changed: set[tuple] = set()
        self._restored: collections.OrderedDict[str, tuple] = collections.OrderedDict()

    def see(self, category: str, name: str, state) -> None:
        """Notes the present state of a file before a node reads it."""
        file = (category, name)
        with self._lock:
            if self._states.setdefault(file, state) != state:
                self._changed.add(file)

    def open(self, signature: str, category: str, name: str, state) -> None:
        """The node with this signature opens a file of a model."""
        self.see(category, name, state)
        with self._lock:
            self._by_node.setdefault(signature, set()).add((category, name))

    def by(self, signature: str) -> set[tuple]:
        """The files that a node has opened, as (category, name)."""
        with self._lock:
            return set(self._by_node.get(signature, ()))

    def is_unchanged(self, category: str, name: str, state) -> bool:
        """True when all parts of the file in memory are of that state."""
        file = (category, name)
        with self._lock:
            return file not in self._changed and self._states.get(file, state) == state

    def restore(self, signature: str, files: list, unnamed: list) -> None:
        """The output of the node with this signature came from the memo, and was made of these files."""
        with self._lock:
            self._restored[signature] = (files, unnamed) if self._restored.get(signature, (files, unnamed)) == (files, unnamed) else (None, None)
            self._restored.move_to_end(signature)
            while len(self._restored) > _MOST_RESTORED:
                self._restored.popitem(last=False)

    def restored(self, signature: str) -> tuple | None:
        """The files of an output that came from the memo, (None, None) when it came from several; None when it did not."""
        with self._lock:
            return self._restored.get(signature)
