"""Measures the load times of models from copies, for the daemon's statistics."""

from __future__ import annotations

import os
import threading
import time
from typing import Callable


class Loads:
    """`tell(loads)` gets pairs of a copy's path and ms."""

    def __init__(self, tell: Callable[[list[tuple[str, float]]], object], clock=time.monotonic):
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        # By prompt and node: the copies that it was given, and when it got the last one.
        self._under_way: dict[tuple, tuple[list[str], float]] = {}

    def began(self, client: dict, copy: str) -> None:
        """A node was given the path of a copy. Its wait for the copy does not count."""
        node = (client.get("prompt"), client.get("node"))
        if None in node:
            return
        with self._lock:
            copies, _ = self._under_way.get(node, ([], 0.0))
            self._under_way[node] = ([*copies, copy], self._clock())

    def ended(self, prompt_id: str, node: str) -> None:
        """A node has its output: its models are loaded. Several models share the time by their sizes."""
        with self._lock:
            copies, since = self._under_way.pop((prompt_id, node), ([], 0.0))
        if not copies:
            return
        ms = (self._clock() - since) * 1000
        sizes = {copy: _size(copy) for copy in copies}
        total = sum(sizes.values())
        self._tell([(copy, ms * size / total) for copy, size in sizes.items() if size > 0])

    def forget(self, prompt_id: str) -> None:
        """The prompt has ended; nodes that have failed have loaded nothing."""
        with self._lock:
            self._under_way = {node: found for node, found in self._under_way.items() if node[0] != prompt_id}


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
