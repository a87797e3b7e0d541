"""Copies in use stay in place while a prompt runs or this process has them mapped."""

from __future__ import annotations

import logging
import os
import threading

from .daemon import Daemon, Trouble
from .host import APP, prompts_left
from .mapped import mapped

log = logging.getLogger("autocached")

# Renewals within the time of a lease.
_TRIES = 4
# Seconds between two tries to tell a daemon of paths from the catalog.
TELL_SECONDS = 5.0


class Leases:
    """
    One thread renews leases. It lives until no lease is needed and the daemon knows every path that this process has got: the daemon
    keeps these paths openable as long as this process lives.
    """

    def __init__(self, daemon: Daemon):
        self._daemon = daemon
        self._lock = threading.Lock()
        self._held: set[str] = set()
        # All paths of copies that this process has got, and the paths that the daemon with this stamp knows.
        self._given: set[str] = set()
        self._told: set[str] = set()
        self._told_to = daemon.stamp()
        # Loads of copies that the daemon is to be told of, with their time in ms.
        self._loaded: list[tuple[str, float]] = []
        # False while the daemon cannot see this process, such as in another container.
        self._seen = True
        self._keeper = None
        # Set when the daemon is to be told at once.
        self._news = threading.Event()

    def hold(self, copy: str, lease_ms) -> None:
        """Keeps a copy that the daemon has named. `lease_ms` is the time in ms after which an unrenewed lease ends."""
        if not isinstance(lease_ms, (int, float)) or lease_ms <= 0:
            return
        with self._lock:
            self._held.add(copy)
            self._given.add(copy)
            self._told.add(copy)
            self._start(lease_ms / 1000 / _TRIES, "autocached-leases")

    def found(self, copy: str) -> None:
        """Notes a path from the catalog, found without the daemon's answer. A daemon that runs is told at once, else the next one."""
        with self._lock:
            self._given.add(copy)
            self._news.set()
            self._start(TELL_SECONDS, "autocached-given")

    def loaded(self, loads: list[tuple[str, float]]) -> None:
        """Tells the daemon how long loads of copies took, in ms; once."""
        with self._lock:
            self._loaded += loads
            self._news.set()
            self._start(TELL_SECONDS, "autocached-loads")

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
        self._news.wait(pause)
        self._news.clear()
        stamp = self._daemon.stamp()
        with self._lock:
            if stamp != self._told_to:
                self._told, self._told_to = set(), stamp
            held, untold = set(self._held), self._given - self._told
            loaded, self._loaded = self._loaded, []
        # Other systems than Linux keep a mapped file or its contents by themselves.
        needed = held if prompts_left() else mapped(held) or set()
        try:
            there = self._daemon.announcement().there
            renew, end = sorted(map(there, needed)), sorted(map(there, held - needed))
            body = {"client": {"app": APP, "pid": os.getpid()}, "renew": renew, "end": end}
            if untold:
                body["given"] = sorted(map(there, untold))
            if loaded:
                body["loaded"] = [{"path": there(copy), "ms": ms} for copy, ms in loaded]
            answer = self._daemon.post("/api/leases", body)
            with self._lock:
                self._told |= untold
                self._seen = answer.get("seen") is not False
        except Trouble as why:
            log.debug("autocached: leases were not renewed: %s", why)
        with self._lock:
            self._held -= held - needed
            all_told = self._seen and self._given <= self._told
            if not self._held and not self._loaded and (all_told or not self._daemon.is_installed()):
                self._keeper = None
            return self._keeper is not None
