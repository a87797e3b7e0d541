"""Tells the daemon where ComfyUI's models lie, once for each daemon, without anybody waiting for it."""

from __future__ import annotations

import logging
import threading
import time

from .daemon import Daemon, Trouble

log = logging.getLogger("autocached")

_ANSWER_SECONDS = 10.0
_AGAIN_SECONDS = 60.0


class Registration:
    """`folders()` lists the model folders. Called again after a restart of the daemon, known by its pid."""

    def __init__(self, daemon: Daemon, folders, clock=time.monotonic):
        self._daemon = daemon
        self._folders = folders
        self._clock = clock
        self._lock = threading.Lock()
        self._told = None
        # A daemon that could not be told, and when it is told again.
        self._refused = (None, 0.0)

    def offer(self) -> None:
        """Starts telling the daemon in a thread of its own, unless it has been told."""
        try:
            announced = self._daemon.announcement()
        except Trouble:
            return
        who = (announced.url, announced.pid)
        with self._lock:
            if self._told == who or (self._refused[0] == who and self._clock() < self._refused[1]):
                return
            self._told = who
        threading.Thread(target=self._tell, args=(who,), name="autocached-roots", daemon=True).start()

    def _tell(self, who: tuple) -> None:
        try:
            roots = self._folders()
            self._daemon.post("/api/roots", {"origin": "comfyui", "roots": roots}, _ANSWER_SECONDS)
            log.info("autocached: the daemon answers, and knows the %d model folders now", len(roots))
        except Trouble as why:
            with self._lock:
                self._told, self._refused = None, (who, self._clock() + _AGAIN_SECONDS)
            log.warning("autocached: the daemon could not be told where the models are; it will be told again later (%s)", why)
        finally:
            self._daemon.close()
