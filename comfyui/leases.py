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


class Leases:
    """One thread, which lives from the first copy handed out until none is needed any more."""

    def __init__(self, daemon: Daemon):
        self._daemon = daemon
        self._lock = threading.Lock()
        self._held: set[str] = set()
        self._keeper = None

    def hold(self, copy: str, lease_ms) -> None:
        """`lease_ms` is how long the daemon keeps the copy unless it hears again of it, in ms."""
        if not isinstance(lease_ms, (int, float)) or lease_ms <= 0:
            return
        with self._lock:
            self._held.add(copy)
            if self._keeper is None:
                pause = lease_ms / 1000 / _TRIES
                self._keeper = threading.Thread(target=self._keep, args=(pause,), name="autocached-leases", daemon=True)
                self._keeper.start()

    def _keep(self, pause: float) -> None:
        try:
            while self._renew_after(pause):
                pass
        finally:
            self._daemon.close()

    def _renew_after(self, pause: float) -> bool:
        threading.Event().wait(pause)
        with self._lock:
            held = set(self._held)
        # Elsewhere than on Linux the system itself keeps a mapped file, or its contents.
        needed = held if prompts_left() else mapped(held) or set()
        try:
            there = self._daemon.announcement().there
            renew, end = sorted(map(there, needed)), sorted(map(there, held - needed))
            self._daemon.post("/api/leases", {"client": {"app": APP, "pid": os.getpid()}, "renew": renew, "end": end})
        except Trouble as why:
            log.debug("autocached: leases were not renewed: %s", why)
        with self._lock:
            self._held -= held - needed
            if not self._held:
                self._keeper = None
            return bool(self._held)
