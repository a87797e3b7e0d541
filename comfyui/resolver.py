"""From the path that ComfyUI would open to the path of a copy on a faster disk, or to the same path."""

from __future__ import annotations

import logging
import os
import stat

from .breaker import Breaker
from .catalog import sealed_copy
from .daemon import ANSWER_SECONDS, Daemon, Trouble
from .registration import Registration

log = logging.getLogger("autocached")


class Resolver:
    """`folders()` lists ComfyUI's model folders for the daemon; `wait_ms` is how long a node may wait for a copy, in ms."""

    def __init__(self, state_dir: str, wait_ms: int = 0, folders=list):
        self._state_dir = state_dir
        self._wait_ms = wait_ms
        self._daemon = Daemon(state_dir)
        self._breaker = Breaker(self._daemon.stamp)
        self._registration = Registration(self._daemon, folders)

    def resolve(self, path: str, category: str, name: str, client: dict | None = None) -> str:
        """
        Where to open the file that ComfyUI found at `path`: a copy that is a regular file with the source's size and base
        name, or `path` itself on any trouble.
        """
        try:
            source = os.stat(path)
        except OSError:
            return path
        copy = self._copy_of(path, source, {"category": category, "name": name, "client": client})
        if copy is None:
            return path
        if not _can_stand_for(copy, path, source.st_size):
            log.warning("autocached: %s is not used for %s: it is no regular file of that size and name", copy, path)
            return path
        log.debug("autocached: %s instead of %s", copy, path)
        return copy

    def _copy_of(self, path: str, source: os.stat_result, question: dict) -> str | None:
        absolute = os.path.abspath(path)
        if self._breaker.allows():
            try:
                answer = self._ask(dict(question, path=absolute, size=source.st_size, mtimeNs=str(source.st_mtime_ns)))
            except Trouble as why:
                self._breaker.failed(why)
            else:
                self._breaker.worked()
                self._registration.offer()
                return None if os.path.normcase(answer) == os.path.normcase(absolute) else answer
        return sealed_copy(self._state_dir, absolute, source)

    def _ask(self, question: dict) -> str:
        question.update(purpose="load", waitMs=self._wait_ms)
        answer = self._daemon.post("/api/lookup", question, ANSWER_SECONDS + self._wait_ms / 1000)
        path = answer.get("path")
        if not isinstance(path, str) or not os.path.isabs(path):
            raise Trouble("the answer has no absolute path")
        return path


def _can_stand_for(copy: str, path: str, size: int) -> bool:
    try:
        found = os.lstat(copy)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size == size and os.path.basename(copy) == os.path.basename(path)
