"""This process's access to the daemon's memo: lookup of results, their files, and storing."""

from __future__ import annotations

import hashlib
import logging
import secrets
from typing import NamedTuple

from ..breaker import Breaker
from ..daemon import Daemon, Refused, Trouble
from ..private import is_within
from .classes import MODES, OFF

log = logging.getLogger("autocached")

NAMESPACE = "comfyui"
# A daemon that hangs is not asked again for a while.
ANSWER_SECONDS = 1.0
# Storing waits for a disk, in a thread.
STORE_SECONDS = 30.0
_MOST_KEYS = 500
_MOST_BYTES = 64 << 20


class Found(NamedTuple):
    """A result: its key, its JSON, and the path and size of each of its files by SHA-256."""

    key: str
    value: object
    files: dict[str, tuple[str, int]]


class Answer(NamedTuple):
    """
    Results by key, the facts of classes by (name, code): repeatable, unrepeatable or unknown; and the other keys by which results are
    found.
    """

    found: dict[str, Found]
    known: dict[tuple, str]
    others: set[str]


REPEATABLE, UNREPEATABLE = "repeatable", "unrepeatable"


class Results:
    """Any failure is a miss."""

    def __init__(self, daemon: Daemon, breaker: Breaker | None = None):
        self._daemon = daemon
        self._session = secrets.token_hex(16)
        self._breaker = breaker or Breaker(daemon.stamp, meanwhile="nodes compute what the memo may have")
        # The daemon's last answer; None before the first.
        self.mode: str | None = None
        self.is_strict = True
        # One of this number of outputs is computed again; 0 = none.
        self.audit = 0

    def ask(self, keys: list[str], classes: list[tuple] = [], others: list[str | None] = []) -> Answer:
        """
        The daemon's results of these keys, and its facts of these classes. `others` are keys by which the same results may be found, in the
        order of `keys`. Without keys it only gives the mode.
        """
        answer = Answer({}, {}, set())
        if not self._breaker.allows():
            return answer
        try:
            for at in range(0, max(1, len(keys)), _MOST_KEYS):
                asked = [{"name": name, "code": code} for name, code in classes[:_MOST_KEYS]] if at == 0 else []
                body = {"keys": keys[at : at + _MOST_KEYS], "classes": asked}
                asked_too = others[at : at + _MOST_KEYS]
                if any(asked_too):
                    body["others"] = asked_too
                told = self._daemon.post("/api/memo/comfyui", body, self._breaker.patience(ANSWER_SECONDS), _MOST_BYTES)
                answer.found.update(self._understand(told))
                answer.others.update(other for other, is_there in zip(asked_too, told.get("others", ())) if is_there)
                answer.known.update(zip(classes, told.get("classes", ())) if at == 0 else ())
        except (Trouble, KeyError, TypeError, AttributeError) as why:
            # Daemons before this memo do not know the route.
            self.mode = OFF if isinstance(why, Refused) else self.mode
            self._breaker.failed(why)
            return Answer({}, {}, set())
        self._breaker.worked()
        return answer if self.mode != OFF else Answer({}, {}, set())

    def likely(self, structures: list[str]) -> dict[str, object]:
        """The JSON of the newest output with each structure that has one. Nothing is served, and no use is counted."""
        found: dict[str, object] = {}
        try:
            for at in range(0, len(structures), _MOST_KEYS) if self._breaker.allows() else ():
                body = {"structures": structures[at : at + _MOST_KEYS]}
                told = self._daemon.post("/api/memo/comfyui/likely", body, self._breaker.patience(ANSWER_SECONDS), _MOST_BYTES)
                found.update((one["structure"], one["value"]) for one in told["results"])
        except Refused:
            # An older daemon does not know the route.
            return {}
        except (Trouble, KeyError, TypeError) as why:
            self._breaker.failed(why)
            return {}
        return found

    def read(self, sha256: str, path: str, size: int) -> bytes:
        """The content of a result's file. Raises Trouble or OSError."""
        announced = self._daemon.announcement()
        here = announced.here(path)
        if not is_within(here, announced.directories):
            raise Trouble("%s does not lie where results do" % path)
        with open(here, "rb") as file:
            content = file.read(size + 1)
        if hashlib.sha256(content).hexdigest() != sha256:
            raise Trouble("%s is damaged" % here)
        return content

    def store(self, key: str, value, files: dict[str, list], cost_ms: float, class_name: str, structure: str | None) -> None:
        """`files` are named by their SHA-256, each in its parts. Raises Trouble."""
        if not self._breaker.allows():
            return
        try:
            if files:
                for name in self._daemon.post("/api/memo/blobs/missing", {"sha256": list(files)}, STORE_SECONDS)["missing"]:
                    self._daemon.put("/api/memo/blobs/" + name, files[name], name, STORE_SECONDS)
            tags = ["class:" + class_name] + (["structure:" + structure] if structure else [])
            about = {"tags": tags, "label": class_name, "costMs": round(cost_ms)}
            answer = self._daemon.post("/api/memo/put", {"ns": NAMESPACE, "key": key, "value": value, **about}, STORE_SECONDS)
        except Refused:
            raise
        except Trouble as why:
            self._breaker.failed(why)
            raise
        self._breaker.worked()
        if answer.get("stored") is not True:
            log.debug("autocached: an output of %s is not kept: %s", class_name, answer.get("reason"))

    def see(self, key: str, class_name: str, code: str, result: str, given: str | None) -> bool:
        """
        Has the hash of an output compared with that of the given one of the key, or else of an earlier run of ComfyUI. False when the class
        is known to be unrepeatable. Raises Trouble.
        """
        if not self._breaker.allows():
            return True
        about = {"key": key, "class": class_name, "code": code, "session": self._session, "result": result}
        answer = self._daemon.post("/api/memo/comfyui/seen", about if given is None else dict(about, given=given), STORE_SECONDS)
        return answer.get("known") != UNREPEATABLE

    def close(self) -> None:
        """Ends the calling thread's connection."""
        self._daemon.close()

    def _understand(self, answer: dict) -> dict[str, Found]:
        mode = answer["mode"]
        self.mode, self.is_strict = mode if mode in MODES else OFF, answer["code"] != "version"
        audit = answer.get("audit")
        self.audit = audit if type(audit) is int else 0
        return {
            one["key"]: Found(one["key"], one["value"], {blob["sha256"]: (blob["path"], blob["size"]) for blob in one.get("blobs", ())})
            for one in answer["results"]
            if one["state"] != "miss" and "value" in one
        }
