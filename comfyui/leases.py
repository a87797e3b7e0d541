"""Copies that were handed out stay where they are while a prompt runs or this process has them mapped."""

from __future__ import annotations

import logging
import os
import threading

from .daemon import Daemon, Trouble
from .host import APP, prompts_left
from .mapped import mapped

log = logging.getLogger("autocached")

# Several tries before a lease ends.
_TRIES = 4
# Between two tries to tell a daemon of paths that none has given, in seconds.
TELL_SECONDS = 5.0


class Leases:
    """
    One thread, which lives from the first copy handed out until no lease is needed any more, and the daemon knows of every path
    that this process was given: it keeps those openable as long as this process lives.
    """

    def __init__(self, daemon: Daemon):
        self._daemon = daemon
        self._lock = threading.Lock()
        self._held: set[str] = set()
        # Every path of a copy that was given, and those of them that the daemon with this stamp knows.
        self._given: set[str] = set()
        self._told: set[str] = set()
        self._told_to = daemon.stamp()
        # False while the daemon cannot see by itself whether this process lives.
        self._seen = True
        self._keeper = None

    def hold(self, copy: str, lease_ms) -> None:
        """The daemon gave this path. `lease_ms` is how long it keeps the copy unless it hears again of it, in ms."""
        if not isinstance(lease_ms, (int, float)) or lease_ms <= 0:
            return
        with self._lock:
            self._held.add(copy)
            self._given.add(copy)
            self._told.add(copy)
            self._start(lease_ms / 1000 / _TRIES, "autocached-leases")

    def found(self, copy: str) -> None:
        """The path was found in the catalog, without a daemon: the next one is told of it."""
        with self._lock:
            self._given.add(copy)
            self._start(TELL_SECONDS, "autocached-given")

    def _start(self, pause: float, name: str) -> None:
        if self._keeper is None:
            self._keeper = threading.Thread(target=self._keep, args=(pause,), name=name, daemon=True)
            self._keeper.start()

    def _keep(self, pause: float) -> None:
        try:
            while self._renew_after(pause):
                pass
        finally:
            self._daemon.close()

    def _renew_after(self, pause: float) -> bool:
        threading.Event().wait(pause)
        stamp = self._daemon.stamp()
        with self._lock:
            if stamp != self._told_to:
                self._told, self._told_to = set(), stamp
            held, untold = set(self._held), self._given - self._told
        # Elsewhere than on Linux the system itself keeps a mapped file, or its contents.
        needed = held if prompts_left() else mapped(held) or set()
        try:
            there = self._daemon.announcement().there
            renew, end = sorted(map(there, needed)), sorted(map(there, held - needed))
            body = {"client": {"app": APP, "pid": os.getpid()}, "renew": renew, "end": end}
            if untold:
                body["given"] = sorted(map(there, untold))
            answer = self._daemon.post("/api/leases", body)
            with self._lock:
                self._told |= untold
                self._seen = answer.get("seen") is not False
        except Trouble as why:
            log.debug("autocached: leases were not renewed: %s", why)
        with self._lock:
            self._held -= held - needed
            all_told = self._seen and self._given <= self._told
            if not self._held and (all_told or not self._daemon.is_installed()):
                self._keeper = None
            return self._keeper is not None
