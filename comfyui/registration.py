"""Tells the daemon ComfyUI's model folders. Nothing in ComfyUI waits for it."""

from __future__ import annotations

import logging
import threading
import time

from .daemon import Daemon, Trouble

log = logging.getLogger("autocached")

_ANSWER_SECONDS = 10.0
_AGAIN_SECONDS = 60.0


class Registration:
    """`folders()` lists the model folders. A daemon with another pid is told again, and so is any when custom nodes have added folders."""

    def __init__(self, daemon: Daemon, folders, clock=time.monotonic):
        self._daemon = daemon
        self._folders = folders
        self._clock = clock
        self._lock = threading.Lock()
        self._told = None
        self._telling = None
        self.times = 0
        # The folders that a daemon did not accept, and the time of the next try.
        self._refused = (None, 0.0)

    def offer(self) -> None:
        """Tells the daemon in a thread, unless the daemon knows already."""
        try:
            announced = self._daemon.announcement()
        except Trouble:
            return
        roots = [dict(folder, path=announced.there(folder["path"])) for folder in self._folders()]
        what = (announced.url, announced.pid, roots)
        with self._lock:
            if self._told == what or (self._refused[0] == what and self._clock() < self._refused[1]):
                return
            self._told = what
            self._telling = threading.Thread(target=self._tell, args=(what,), name="autocached-roots", daemon=True)
            self._telling.start()

    def finish(self, seconds: float) -> int:
        """Waits until the daemon knows. Returns the number of registrations so far."""
        telling = self._telling
        if telling is not None:
            telling.join(seconds)
        return self.times

    def _tell(self, what: tuple) -> None:
        roots = what[2]
        try:
            self._daemon.post("/api/roots", {"origin": "comfyui", "roots": roots}, _ANSWER_SECONDS)
            self.times += 1
            log.info("autocached: the daemon answers, and knows the %d model folders now", len(roots))
        except Trouble as why:
            with self._lock:
                self._told, self._refused = None, (what, self._clock() + _AGAIN_SECONDS)
            log.warning("autocached: the daemon could not be told where the models are; it will be told again later (%s)", why)
        finally:
            self._daemon.close()
            self._telling = None
