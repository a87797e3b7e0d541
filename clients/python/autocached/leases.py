"""One thread renews the leases of all results that this process computes, so that no other process begins to compute them."""

from __future__ import annotations

import contextlib
import logging
import threading
import time

from .daemon import Daemon, Trouble

log = logging.getLogger("autocached")

# Renewals within the time of a lease.
_TRIES = 3


class Leases:
    """The thread lives while a lease is held."""

    def __init__(self, daemon: Daemon):
        self._daemon = daemon
        self._changed = threading.Condition()
        # For each lease the pause between two renewals and the time of the next one, monotonic seconds.
        self._held: dict[str, tuple[float, float]] = {}
        self._runs = False

    @contextlib.contextmanager
    def holding(self, lease: str | None, lease_ms: float):
        """Renews the lease until the end of the block. None = no lease."""
        if lease is None:
            yield
            return
        pause = lease_ms / 1000 / _TRIES
        with self._changed:
            self._held[lease] = (pause, time.monotonic() + pause)
            if self._runs:
                self._changed.notify()
            else:
                self._runs = True
                threading.Thread(target=self._keep, name="autocached-leases", daemon=True).start()
        try:
            yield
        finally:
            with self._changed:
                self._held.pop(lease, None)

    def _keep(self) -> None:
        while True:
            with self._changed:
                if not self._held:
                    self._runs = False
                    return
                now = time.monotonic()
                due = [lease for lease, (_, at) in self._held.items() if at <= now]
                for lease in due:
                    pause, _ = self._held[lease]
                    self._held[lease] = (pause, now + pause)
                if not due:
                    self._changed.wait(min(at for _, at in self._held.values()) - now)
            for lease in due:
                self._renew(lease)

    def _renew(self, lease: str) -> None:
        try:
            self._daemon.post("/api/memo/renew", {"lease": lease})
        except Trouble as why:
            # Its result is still welcome.
            log.debug("autocached: a lease was not renewed: %s", why)
