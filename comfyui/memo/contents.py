"""The SHA-256 of models that the daemon knows from copying or comparing: a model rewritten with the same bytes is the same."""

from __future__ import annotations

import collections
import os
import threading
import time

from ..daemon import Daemon, Refused, Trouble
from .files import Files

ANSWER_SECONDS = 1.0
# Copies tell more contents in time.
_AGAIN_SECONDS = 60.0
_MOST_KNOWN = 10_000
_MOST_ASKED = 500


class Contents:
    """Contents of files in a state given by Files. Any failure means that they are unknown."""

    def __init__(self, daemon: Daemon, clock=time.monotonic):
        self._daemon = daemon
        self._clock = clock
        self._lock = threading.Lock()
        # By path and state: the SHA-256 or None, and the time of the request.
        self._known: collections.OrderedDict[tuple, tuple] = collections.OrderedDict()

    def of(self, named: list[list], files: Files) -> dict[tuple[str, str], str]:
        """The SHA-256 by category and name, of those among `named` ([category, name, state]) whose content is known. May ask the daemon."""
        placed = [(category, name, files.path(category, name), state) for category, name, state in named if _is_state(state)]
        paths = {(category, name): (path, tuple(state)) for category, name, path, state in placed if path is not None}
        self._learn(set(paths.values()))
        with self._lock:
            return {file: found[0] for file, key in paths.items() if (found := self._known.get(key)) and found[0]}

    def _learn(self, wanted: set[tuple]) -> None:
        now = self._clock()
        with self._lock:
            asked = [one for one in wanted if self._is_due(one, now)][:_MOST_ASKED]
        if not asked:
            return
        try:
            there = self._daemon.announcement().there
            body = [{"path": there(os.path.abspath(path)), "size": state[0], "mtimeNs": state[1], "ctimeNs": state[2]} for path, state in asked]
            hashes = self._daemon.post("/api/memo/comfyui/contents", {"files": body}, ANSWER_SECONDS)["sha256"]
        except Refused:
            # An older daemon does not know the route.
            hashes = [None] * len(asked)
        except (Trouble, KeyError, TypeError):
            return
        with self._lock:
            self._known.update((one, (sha256 if isinstance(sha256, str) else None, now)) for one, sha256 in zip(asked, hashes))
            while len(self._known) > _MOST_KNOWN:
                self._known.popitem(last=False)

    def _is_due(self, file: tuple, now: float) -> bool:
        sha256, at = self._known.get(file, (None, None))
        return sha256 is None and (at is None or now - at > _AGAIN_SECONDS)


def with_contents(named: list[list], hashes: dict[tuple[str, str], str]) -> list[list] | None:
    """The same files by their known contents; None when none is known."""
    if not any((category, name) in hashes for category, name, _ in named):
        return None
    return [[category, name, {"sha256": hashes[category, name]} if (category, name) in hashes else state] for category, name, state in named]


def _is_state(state) -> bool:
    return isinstance(state, list) and len(state) == 3 and isinstance(state[0], int)
