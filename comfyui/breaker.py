"""After a failure the daemon is not asked for a while, so a dead or hung daemon costs one time-out and not one at each load."""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("autocached")

FIRST_SECONDS = 2.0
LONGEST_SECONDS = 30.0


class Breaker:
    """A change of `stamp()` allows an early try: a daemon writes daemon.json when it starts. `meanwhile` is for the log."""

    def __init__(self, stamp, clock=time.monotonic, meanwhile="models load from their own paths or from sealed copies"):
        self._stamp = stamp
        self._meanwhile = meanwhile
        self._clock = clock
        self._lock = threading.Lock()
        # 0 while the daemon answers.
        self._pause = 0.0
        self._until = 0.0
        self._seen = None

    def allows(self) -> bool:
        """False during a pause. After a pause one caller may try, and the next pause begins."""
        if not self._pause:
            return True
        with self._lock:
            now, stamp = self._clock(), self._stamp()
            if now < self._until and stamp == self._seen:
                return False
            self._pause = min(self._pause * 2, LONGEST_SECONDS) if stamp == self._seen else FIRST_SECONDS
            self._until, self._seen = now + self._pause, stamp
            return True

    def failed(self, why: Exception) -> None:
        with self._lock:
            first = not self._pause
            if first:
                self._pause = FIRST_SECONDS
                self._until, self._seen = self._clock() + self._pause, self._stamp()
        message = "autocached: the daemon is not asked for a while; %s (%s)"
        log.log(logging.WARNING if first else logging.DEBUG, message, self._meanwhile, why)

    def worked(self) -> None:
        with self._lock:
            again, self._pause = bool(self._pause), 0.0
        if again:
            log.info("autocached: the daemon answers again")
