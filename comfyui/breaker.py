"""After a failure the daemon is not asked for a while, so a dead or hung daemon costs one timeout and not one at each load."""

from __future__ import annotations

import logging
import threading
import time

log = logging.getLogger("autocached")

# A daemon that starts again writes daemon.json; a late one is usually on a busy machine, and answers again as soon as it can.
FIRST_SECONDS, LONGEST_SECONDS = 2.0, 30.0
FIRST_LATE_SECONDS, LONGEST_LATE_SECONDS = 1.0, 10.0
# Time for which the machine counts as busy after a late answer.
BUSY_SECONDS = 60.0
# Maximum timeout of an answer on a busy machine.
LONGEST_PATIENCE_SECONDS = 2.0


class Trouble(Exception):
    """The daemon gave no usable answer. The message says why."""


class Late(Trouble):
    """The daemon did not answer in time: it may be busy or hung."""


class Breaker:
    """
    Pauses after failures, each twice as long as the one before. Late answers count less than connections that fail, and the next answers
    get more time. A change of `stamp()` allows an early try: a daemon writes daemon.json when it starts. `meanwhile` is for the log.
    """

    def __init__(self, stamp, clock=time.monotonic, meanwhile="models load from their own paths or from sealed copies"):
        self._stamp = stamp
        self._meanwhile = meanwhile
        self._clock = clock
        self._lock = threading.Lock()
        self._is_open = False
        self._failures = 0
        self._is_late = False
        self._until = 0.0
        self._seen = None
        # Whether an attempt after a pause is running.
        self._is_trying = False
        # Number of late answers, and the time until which the machine counts as busy.
        self._lates = 0
        self._busy_until = 0.0

    def allows(self) -> bool:
        """False during a pause. After a pause one caller may try, and the others wait for its outcome."""
        if not self._is_open:
            return True
        with self._lock:
            now, stamp = self._clock(), self._stamp()
            if stamp != self._seen:
                self._failures = 0
            elif now < self._until:
                return False
            self._until, self._seen, self._is_trying = now + self._pause(), stamp, True
            return True

    def patience(self, seconds: float) -> float:
        """Timeout of an answer that takes at most `seconds` on an idle machine: doubled after each late one."""
        if not self._lates:
            return seconds
        with self._lock:
            if self._clock() > self._busy_until:
                self._lates = 0
            return min(seconds * 2**self._lates, max(seconds, LONGEST_PATIENCE_SECONDS))

    def failed(self, why: Exception) -> None:
        """Attempts in parallel fail together: that counts as one failure."""
        with self._lock:
            first = not self._is_open
            if first or self._is_trying:
                now = self._clock()
                self._failures = 1 if first else self._failures + 1
                self._is_open, self._is_trying, self._is_late = True, False, isinstance(why, Late)
                self._until, self._seen = now + self._pause(), self._stamp()
                if self._is_late:
                    self._lates, self._busy_until = self._lates + 1, now + BUSY_SECONDS
        message = "autocached: the daemon is not asked for a while; %s (%s)"
        log.log(logging.WARNING if first else logging.DEBUG, message, self._meanwhile, why)

    def worked(self) -> None:
        with self._lock:
            again, self._is_open = self._is_open, False
        if again:
            log.info("autocached: the daemon answers again")

    def _pause(self) -> float:
        first, longest = (FIRST_LATE_SECONDS, LONGEST_LATE_SECONDS) if self._is_late else (FIRST_SECONDS, LONGEST_SECONDS)
        return min(longest, first * 2 ** max(0, self._failures - 1))
