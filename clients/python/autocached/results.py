"""Takes results from the daemon and stores them there. A failure is a miss: the program then computes, as without the daemon."""

from __future__ import annotations

import datetime
import json
import logging
import os
import time
from typing import NamedTuple

from .blobs import keep_file, read_blob, store_blobs
from .daemon import ANSWER_SECONDS, STORE_SECONDS, Daemon, Refused, Trouble
from .leases import Leases
from .staging import fill, give_back, take
from .values import Decoder, Encoder, Unstorable

log = logging.getLogger("autocached")

# A waiting request is split into slices, so that a hung daemon is noticed. The first slice is the shortest.
_FIRST_SLICE_SECONDS = 0.25
_SLICE_SECONDS = 5.0
# Lease of a refresh: the daemon's default, ms.
_LEASE_MS = 30_000.0
# Bounds the memory of a process that runs for months.
_MOST_WARNINGS = 100
# Errors of an invalid stored result.
_UNREADABLE = (Trouble, ValueError, KeyError, TypeError, IndexError, AttributeError, ImportError, RuntimeError, OSError)


class CoalescedError(RuntimeError):
    """Another process computed this for all callers, and failed. The message is that of its error. Nothing is kept."""


class Question(NamedTuple):
    """A result by its parts. `local` distinguishes it from the others of this process."""

    local: str
    ns: str
    # The version of the key, None = that of the namespace.
    version: str | None
    parts: object
    wait_seconds: float
    # A part that may be worded differently, if the namespace compares texts.
    text: str | None = None

    def fields(self) -> dict:
        fields = {"ns": self.ns, "parts": self.parts, "version": self.version, "text": self.text}
        return {name: value for name, value in fields.items() if name == "parts" or value is not None}


class Taken(NamedTuple):
    """A result (`is_found`), or the right to compute it: this process then holds `lease`, if the daemon has given one."""

    is_found: bool
    result: object = None
    # With a result: it is stale, and this process must compute it anew.
    lease: str | None = None
    lease_ms: float = 0


class Results:
    def __init__(self, daemon: Daemon):
        self._daemon = daemon
        self.leases = Leases(daemon)
        self._warned: set[str] = set()

    def take(self, question: Question) -> Taken:
        """Waits for the process that computes it. Raises only CoalescedError."""
        if not self._daemon.breaker.allows():
            return Taken(False)
        try:
            answer = self._ask(question)
        except Refused as why:
            self._daemon.breaker.worked()
            self._warn("the daemon refuses a question: %s", why)
            return Taken(False)
        except Trouble as why:
            self._daemon.breaker.failed(why)
            return Taken(False)
        self._daemon.breaker.worked()
        return self._taken(answer)

    def store(self, question: Question, lease: str | None, result, options: dict) -> bool:
        """
        False when the result is of a type that cannot be stored, and so cannot be another caller's either. Gives back the lease when the
        daemon has not taken the result.
        """
        try:
            # Nothing is sent to a daemon that was away a moment ago.
            can_stage = lease is not None or self._daemon.breaker.allows()
            encoded = Encoder(
                result, lambda content: fill(self._daemon, content) if can_stage else None, lambda staged: take(self._daemon, staged)
            )
        except Unstorable as why:
            self._warn("a result is not stored: %s", why)
            self.give_back(lease, to_all=True)
            return False
        if lease is None and not self._daemon.breaker.allows():
            return True
        try:
            store_blobs(self._daemon, encoded.blobs)
            body = dict(question.fields(), **encoded.fields, **options, **({"lease": lease} if lease else {}))
            answer = self._daemon.post("/api/memo/put", body, STORE_SECONDS - ANSWER_SECONDS)
            log.debug(
                "autocached: a result was %s", "stored" if answer.get("stored") else "not stored: %s" % answer.get("reason")
            )
        except (Trouble, OSError, ValueError, KeyError) as why:
            self._warn("a result could not be stored: %s", why)
            if "staged" in encoded.fields:
                give_back(self._daemon, encoded.fields["staged"])
            self.give_back(lease)
        return True

    def give_back(self, lease: str | None, error: BaseException | None = None, to_all: bool = False) -> None:
        """With an error, the waiting processes get it. Without one the next of them computes, or all do."""
        if lease is None:
            return
        how = {"all": True} if to_all else {}
        if error is not None:
            how = {"error": ("%s: %s" % (type(error).__name__, error))[:10_000]}
        try:
            self._daemon.post("/api/memo/release", {"lease": lease, **how})
        except Trouble as why:
            log.debug("autocached: a lease was not given back: %s", why)

    def key_of(self, question: Question) -> str:
        """Raises Trouble."""
        return self._daemon.post("/api/memo/get", question.fields())["key"]

    def invalidate(self, body: dict) -> dict:
        """Raises Trouble."""
        return self._daemon.post("/api/memo/invalidate", body, STORE_SECONDS)

    def _ask(self, question: Question) -> dict:
        ends = time.monotonic() + question.wait_seconds
        slice_seconds = min(_FIRST_SLICE_SECONDS, question.wait_seconds)
        # The pid of a process elsewhere differs here.
        pid = {"pid": os.getpid()} if self._daemon.announcement().pid else {}
        while True:
            began = time.monotonic()
            body = dict(question.fields(), waitMs=int(slice_seconds * 1000), **pid)
            answer = self._daemon.post("/api/memo/take", body, slice_seconds)
            now = time.monotonic()
            # An early answer means that there is nothing to wait for.
            has_waited = now - began >= slice_seconds / 2
            if answer.get("state") != "timeout" or not has_waited or now >= ends:
                return answer
            slice_seconds = min(_SLICE_SECONDS, ends - now)

    def _taken(self, answer: dict) -> Taken:
        state = answer.get("state")
        if state == "error":
            raise CoalescedError(str(answer.get("error")))
        if state == "compute":
            return Taken(False, None, str(answer["lease"]), float(answer["leaseMs"]))
        if state not in ("hit", "stale"):
            return Taken(False)
        refresh = answer.get("refresh")
        read = Decoder(
            lambda sha256, path: read_blob(self._daemon, sha256, path),
            lambda name, sha256, path: keep_file(self._daemon, name, sha256, path),
        )
        try:
            return Taken(True, read.result(answer), refresh, _LEASE_MS)
        except _UNREADABLE as why:
            self._warn("a stored result cannot be read, and is computed again: %s", why)
            return Taken(False, None, refresh, _LEASE_MS)

    def _warn(self, message: str, why: Exception) -> None:
        """Logs once for each reason."""
        text = message % why
        is_new = text not in self._warned and len(self._warned) < _MOST_WARNINGS
        if is_new:
            self._warned.add(text)
        log.log(logging.WARNING if is_new else logging.DEBUG, "autocached: %s", text)


def lifetime(given: str | float | datetime.timedelta | None) -> str | int | None:
    """A duration in the daemon's form. Numbers are seconds, as is usual in Python."""
    if isinstance(given, datetime.timedelta):
        return round(given.total_seconds() * 1000)
    return round(given * 1000) if isinstance(given, (int, float)) else given


def local_name(ns: str, version: str | None, parts, text: str | None = None) -> str:
    """Raises ValueError for a value that is not JSON."""
    return json.dumps([ns, version, parts, text], sort_keys=True, allow_nan=False)
