"""Replaces the path that ComfyUI would open by the path of a copy on a faster disk, if there is one."""

from __future__ import annotations

import logging
import os
import stat
import sys
import time
from typing import NamedTuple

from .breaker import Breaker, Late, Trouble
from .catalog import sealed_copy
from .daemon import ANSWER_SECONDS, Daemon, Refused
from .leases import Leases
from .placeholder import NoCopy, is_placeholder, no_copy
from .private import is_within
from .registration import Registration
from .stuck import Stuck
from .wait import Wait

log = logging.getLogger("autocached")

# Maximum wait of a node for a copy. The daemon decides whether to wait, and shortens it.
WAIT_MS = 600_000
# A waiting node asks repeatedly, to show progress. The first request is short, to detect a hung daemon.
FIRST_SLICE_MS = 100
SLICE_MS = 500
# A model of a remote has only the path of its copy: a busy daemon gets more time to answer, and is asked again.
PATIENT_SECONDS = 10.0
INSIST_SECONDS = 30.0
# Maximum wait of a lookup until the daemon knows the model folders.
TELLING_SECONDS = 1.0


class Answer(NamedTuple):
    """The path to open, its tier (empty when not known), and the daemon's reason (`ERROR` without a daemon)."""

    path: str
    tier: str
    reason: str


class Resolver:
    """`folders()` lists ComfyUI's model folders for the daemon."""

    def __init__(self, state_dir: str, folders=list, clock=time.monotonic):
        self._state_dir = state_dir
        self._clock = clock
        self.daemon = Daemon(state_dir)
        self.registration = Registration(self.daemon, folders)
        self._breaker = Breaker(self.daemon.stamp)
        self._leases = Leases(self.daemon)
        self._stuck = Stuck(self.daemon)

    def resolve(self, path: str, category: str, name: str, client: dict | None = None) -> str:
        """
        The path to open in place of `path`, where ComfyUI has found the file: a copy that is a regular file with the source's size and
        base name, or `path` itself on any trouble. Raises NoCopy for a placeholder: it cannot be opened itself.
        """
        return self.answer(path, {"category": category, "name": name, "client": client, "purpose": "load"}).path

    def has_copy(self, path: str | None, category: str, name: str, client: dict) -> bool:
        """Whether `resolve` would answer with a copy. Counts as no use of the file, and starts no copy."""
        question = {"category": category, "name": name, "client": client, "purpose": "metadata"}
        try:
            return path is None or self.answer(path, question).path != path
        except NoCopy:
            return False

    def answer(self, path: str | None, question: dict) -> Answer:
        """The same with tier and reason. `path` is None for a file that ComfyUI does not find. Raises NoCopy."""
        if path is None:
            client = question["client"]
            copy = self.find(question["category"], question["name"], client) if client else None
            return Answer(copy, "ssd", "HIT_OFFLINE") if copy else Answer("", "", "SOURCE_MISSING")
        try:
            source = os.stat(path)
        except OSError as why:
            return Answer(path, "", "NOT_PERMITTED" if isinstance(why, PermissionError) else "SOURCE_MISSING")
        answer = self._answer(path, source, question)
        if answer.path != path and not _can_stand_for(answer.path, path, source.st_size):
            answer = Answer(path, "", "ERROR")
        if answer.path == path and is_placeholder(path, source):
            raise no_copy(path, "the daemon does not answer; start it with: autocached start" if answer.reason == "ERROR" else answer.reason)
        return answer

    def loaded(self, loads: list[tuple[str, float]]) -> None:
        """Tells the daemon how long loads of copies took, in ms. Does not wait."""
        self._leases.loaded(loads)

    def find(self, category: str, name: str, client: dict) -> str | None:
        """The copy of a file that ComfyUI does not find because its folder is away; else None."""
        if not self._breaker.allows():
            return None
        question = {"category": category, "name": name, "client": client, "purpose": "load", "waitMs": 0}
        try:
            answer = self.daemon.post("/api/lookup", question, self._breaker.patience(ANSWER_SECONDS))
        except Trouble as why:
            self._breaker.failed(why)
            return None
        self._breaker.worked()
        if answer.get("reason") != "HIT_OFFLINE":
            return None
        copy = self._believed(answer.get("path"), None)
        if copy is None:
            log.warning("autocached: %s is not used for %s: it does not lie where copies do", answer.get("path"), name)
        if copy is None or not _can_stand_for(copy, name, None):
            return None
        self._leases.hold(copy, answer.get("leaseMs"))
        log.info("autocached: the folder of %s is away; its copy %s is loaded", name, copy)
        return copy

    def _answer(self, path: str, source: os.stat_result, question: dict) -> Answer:
        absolute = os.path.abspath(path)
        has_no_path = is_placeholder(absolute, source)
        if has_no_path or self._breaker.allows():
            asked = dict(question, path=absolute, **_told(source))
            try:
                answer = self._insist(asked) if has_no_path else self._ask(asked)
            except Trouble as why:
                if isinstance(why, Refused) and has_no_path:
                    self._breaker.worked()
                    raise NoCopy("autocached: %s" % why) from why
                self._breaker.failed(why)
            else:
                self._breaker.worked()
                copy = answer["path"]
                tier, reason = str(answer.get("tier") or ""), str(answer.get("reason") or "")
                if os.path.normcase(copy) == os.path.normcase(absolute):
                    if answer.get("job") and question["purpose"] == "load":
                        self._stuck.opened(absolute, source)
                    return Answer(path, tier, reason)
                self._stuck.redirected(absolute)
                self._leases.hold(copy, answer.get("leaseMs"))
                return Answer(copy, tier, reason)
        copy = sealed_copy(self._state_dir, absolute, source)
        if copy is None:
            return Answer(path, "", "ERROR")
        self._leases.found(copy)
        return Answer(copy, "ssd", "HIT")

    def _insist(self, question: dict) -> dict:
        """The same as `_ask`, for a file that has no path without the daemon."""
        until = self._clock() + INSIST_SECONDS
        while True:
            try:
                return self._ask(question, PATIENT_SECONDS)
            except Late:
                if self._clock() >= until:
                    raise

    def _ask(self, question: dict, patience: float | None = None) -> dict:
        """The daemon's final answer. Only a node of a running prompt waits for a copy, and only as long as the daemon says."""
        may_wait = question["purpose"] == "load" and bool((question["client"] or {}).get("prompt"))
        if may_wait:
            question = dict(question, waitMs=WAIT_MS, waitedMs=0, sliceMs=FIRST_SLICE_MS)
        told = self.registration.times
        answer = self._ask_once(question, patience)
        self.registration.offer()
        if answer.get("reason") == "BYPASS_UNKNOWN_ROOT" and self.registration.finish(TELLING_SECONDS) > told:
            answer = self._ask_once(question, patience)
        if may_wait and answer.get("reason") == "WAIT_TIMEOUT":
            answer = self._wait(question, answer, patience)
        return answer

    def _wait(self, question: dict, answer: dict, patience: float | None) -> dict:
        began = self._clock()
        with Wait(question["name"], question["client"].get("node")) as wait:
            while answer.get("reason") == "WAIT_TIMEOUT":
                wait.show(answer.get("job"))
                waited_ms = int((self._clock() - began) * 1000)
                if waited_ms > WAIT_MS or wait.interrupted():
                    wait.end_prompt()
                    break
                answer = self._ask_once(dict(question, waitedMs=waited_ms, sliceMs=SLICE_MS), patience)
        return answer

    def _ask_once(self, question: dict, patience: float | None) -> dict:
        slice_seconds = question.get("sliceMs", 0) / 1000
        announced = self.daemon.announced or self.daemon.announcement()
        asked = dict(question, path=announced.there(question["path"]))
        answer = self.daemon.post("/api/lookup", asked, (patience or self._breaker.patience(ANSWER_SECONDS)) + slice_seconds)
        path = self._believed(answer.get("path"), question["path"])
        if path is None:
            raise Trouble("the answer is neither the path that was asked for nor one below the cache directory")
        return dict(answer, path=path)

    def _believed(self, path, asked: str | None) -> str | None:
        """Translates a path of an answer to this process. None for paths other than the asked one outside the directories of copies."""
        announced = self.daemon.announced
        if announced is None or not isinstance(path, str) or not os.path.isabs(path):
            return None
        here = announced.here(path)
        is_asked = asked is not None and os.path.normcase(here) == os.path.normcase(asked)
        return here if is_asked or is_within(here, announced.directories) else None


def _told(source: os.stat_result) -> dict:
    """A source's stat, so that the daemon needs none of its own. On Windows Python's ctime is the time of creation."""
    changed = {} if sys.platform == "win32" else {"ctimeNs": str(source.st_ctime_ns)}
    return {"size": source.st_size, "mtimeNs": str(source.st_mtime_ns), **changed}


def _can_stand_for(copy: str, path: str, size: int | None) -> bool:
    """`size` is the source's size, None when not known."""
    try:
        found = os.lstat(copy)
    except OSError:
        found = None
    same_name = os.path.isabs(copy) and os.path.basename(copy) == os.path.basename(path)
    if found and same_name and stat.S_ISREG(found.st_mode) and size in (None, found.st_size):
        log.debug("autocached: %s instead of %s", copy, path)
        return True
    log.warning("autocached: %s is not used for %s: it is no regular file of that size and name", copy, path)
    return False
