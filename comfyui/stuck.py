"""Models that ComfyUI loaded from their sources before their copies were ready, and still reads from there."""

from __future__ import annotations

import logging
import os
import threading
import time

from .daemon import Daemon, Trouble
from .host import APP, free_models, idle_since_prompt, prompts_left
from .mapped import mapped

log = logging.getLogger("autocached")

LOOK_SECONDS = 5.0
# ComfyUI must have been idle for this long before it unloads its models.
IDLE_SECONDS = 10.0
_ANSWER_SECONDS = 5.0


class Stuck:
    """
    ComfyUI keeps the file of a loaded model open, and asks for its path again only when its loader runs again. While there are such files,
    one thread tells the daemon of them, tells the user once when a copy is ready, and makes ComfyUI unload its models if the daemon's
    settings say so: once for each file, and only while ComfyUI is idle.
    """

    def __init__(self, daemon: Daemon, clock=time.monotonic):
        self._daemon = daemon
        self._clock = clock
        self._lock = threading.Lock()
        # By path: the source's size and mtime in ns at opening, and its path without links, under which it is mapped.
        self._open: dict[str, tuple[int, int, str]] = {}
        self._watcher = None
        self._told: set[tuple] = set()
        self._freed: set[tuple] = set()
        # The number of prompts at the last check of an idle ComfyUI, and the time since when it is unchanged.
        self._idle = (None, 0.0)

    def opened(self, path: str, source: os.stat_result) -> None:
        """Notes that a node opens the source while a copy is being made."""
        with self._lock:
            self._open[path] = (source.st_size, source.st_mtime_ns, os.path.realpath(path))
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="autocached-stuck", daemon=True)
                self._watcher.start()

    def redirected(self, path: str) -> None:
        """Notes that a node opens the copy of this source."""
        if self._open:
            with self._lock:
                self._open.pop(path, None)

    def _watch(self) -> None:
        try:
            while self._look_after(LOOK_SECONDS):
                pass
        finally:
            self._daemon.close()

    def _look_after(self, pause: float) -> bool:
        threading.Event().wait(pause)
        self._forget_closed()
        with self._lock:
            found = dict(self._open)
        try:
            there = self._daemon.announcement().there
            here = {there(path): path for path in sorted(found)}
            sources = [{"path": path, "size": found[own][0], "mtimeNs": str(found[own][1])} for path, own in here.items()]
            body = {"client": {"app": APP, "pid": os.getpid()}, "sources": sources}
            answer = self._daemon.post("/api/stuck", body, _ANSWER_SECONDS)
            ready = {(here[path], *found[here[path]]) for path in answer.get("stuck", ()) if path in here}
            self._deal_with(ready, answer.get("free") == "auto")
        except Trouble as why:
            log.debug("autocached: the daemon was not told what is loaded from its source: %s", why)
        except Exception:
            log.debug("autocached: what is loaded from its source was not looked after", exc_info=True)
        with self._lock:
            if not self._open:
                self._watcher = None
            return self._watcher is not None

    def _forget_closed(self) -> None:
        """Forgets sources that are closed. Not while a prompt runs: a node may be about to open a source."""
        if prompts_left():
            return
        with self._lock:
            held = mapped({real for _, _, real in self._open.values()})
            if held is not None:
                self._open = {path: source for path, source in self._open.items() if source[2] in held}

    def _deal_with(self, ready: set[tuple], free: bool) -> None:
        for path, *_ in sorted(ready - self._told):
            advice = "it is unloaded as soon as ComfyUI is idle" if free else "unload the models, and the next prompt loads the copy"
            log.info("autocached: %s was loaded from its source, and its copy is ready now; %s", path, advice)
        self._told |= ready
        if free and ready - self._freed and self._stays_idle() and free_models():
            self._freed |= ready
            log.info("autocached: ComfyUI unloads its models and drops all node results; the next prompt loads %d of them from copies", len(ready))
            self._forget_freed(ready)

    def _stays_idle(self) -> bool:
        prompt = idle_since_prompt()
        if prompt is None or prompt != self._idle[0]:
            self._idle = (prompt, self._clock())
        return prompt is not None and self._clock() - self._idle[1] >= IDLE_SECONDS

    def _forget_freed(self, freed: set[tuple]) -> None:
        """Forgets unloaded sources on systems that do not report mapped files."""
        if mapped(set()) is not None:
            return
        with self._lock:
            for path, *_ in freed:
                self._open.pop(path, None)
