"""Replaces a model's path by that of its copy on the fastest disk."""

from __future__ import annotations

import logging
import os
import stat
import sys
from typing import NamedTuple

from ._common.catalog import sealed_copy
from ._common.placeholder import NoCopy, is_placeholder, no_copy
from ._common.private import is_within
from .daemon import Daemon, Refused, Trouble, daemon_at
from .per_process import PerProcess

log = logging.getLogger("autocached")


class Resolved(NamedTuple):
    """The path to open, its tier (empty when not known), and the daemon's reason (`ERROR` without a daemon)."""

    path: str
    tier: str
    reason: str


class Resolver:
    """`state` is the daemon's state directory if the daemon does not find it by itself; `app` is this program's name in the daemon."""

    def __init__(self, *, state: str | None = None, app: str | None = None):
        self._daemon: PerProcess[Daemon] = daemon_at(state, "models load from their own paths or from sealed copies")
        self._app = app or os.path.basename(sys.argv[0] or "python")[:200]

    def resolve(self, path: str | os.PathLike, wait_seconds: float = 0) -> str:
        """
        The path of a copy, or `path` itself on any trouble. `wait_seconds` is the maximum wait for a copy that is being made. Raises NoCopy
        for a model that is only on a remote and has no copy: it has no path that could be opened.
        """
        return self.answer(path, wait_seconds).path

    def answer(self, path: str | os.PathLike, wait_seconds: float = 0) -> Resolved:
        """The same with tier and reason. Raises NoCopy."""
        found = self._answer(path, wait_seconds)
        if found.path == os.fspath(path) and is_placeholder(found.path):
            raise no_copy(found.path, "the daemon does not answer; start it with: autocached start" if found.reason == "ERROR" else found.reason)
        return found

    def _answer(self, path: str | os.PathLike, wait_seconds: float) -> Resolved:
        asked = os.fspath(path)
        absolute = os.path.abspath(asked)
        daemon = self._daemon()
        if daemon.breaker.allows():
            try:
                found = self._ask(daemon, absolute, wait_seconds)
                daemon.breaker.worked()
                return found if found.path != absolute else found._replace(path=asked)
            except Trouble as why:
                if isinstance(why, Refused) and is_placeholder(absolute):
                    daemon.breaker.worked()
                    raise NoCopy("autocached: %s" % why) from why
                daemon.breaker.failed(why)
        return _without_daemon(daemon, asked, absolute)

    def loaded(self, copy: str, seconds: float) -> None:
        """Tells the daemon how long loading from this copy took, for its statistics; does nothing on any trouble."""
        daemon = self._daemon()
        if not daemon.breaker.allows():
            return
        try:
            loaded = [{"path": daemon.announcement().there(copy), "ms": seconds * 1000}]
            daemon.post("/api/leases", {"client": {"app": self._app, "pid": os.getpid()}, "loaded": loaded})
        except Trouble as why:
            log.debug("autocached: the time of a load was not told: %s", why)

    def _ask(self, daemon: Daemon, path: str, wait_seconds: float) -> Resolved:
        announced = daemon.announcement()
        question = {
            "path": announced.there(path),
            "purpose": "load",
            "waitMs": int(wait_seconds * 1000),
            "client": {"app": self._app, "pid": os.getpid()},
        }
        answer = daemon.post("/api/lookup", question, wait_seconds)
        given, tier, reason = answer.get("path"), str(answer.get("tier") or ""), str(answer.get("reason") or "")
        here = announced.here(given) if isinstance(given, str) else ""
        if os.path.normcase(here) == os.path.normcase(path):
            return Resolved(path, tier, reason)
        if is_within(here, announced.directories) and _can_stand_for(here, path):
            return Resolved(here, tier, reason)
        log.warning("autocached: %s is not used for %s: it is not where copies are, or no file of its name", given, path)
        return Resolved(path, "", "ERROR")


def _without_daemon(daemon: Daemon, asked: str, absolute: str) -> Resolved:
    try:
        copy = sealed_copy(daemon.state_dir, absolute, os.stat(absolute))
    except OSError:
        copy = None
    return Resolved(asked, "", "ERROR") if copy is None else Resolved(copy, "ssd", "HIT")


def _can_stand_for(copy: str, path: str) -> bool:
    try:
        found = os.lstat(copy)
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and os.path.basename(copy) == os.path.basename(path)


# Of the state directory of the environment.
usual = Resolver()


def resolve(path: str | os.PathLike, wait_seconds: float = 0) -> str:
    """The path of the file's copy on the fastest disk, or `path` itself; see `Resolver`. Raises NoCopy."""
    return usual.resolve(path, wait_seconds)
