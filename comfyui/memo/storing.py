"""Hashes outputs and sends them to the daemon in a thread, because ComfyUI cancels unfinished work of a provider when a prompt ends."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import queue
import threading
from typing import NamedTuple

from ..daemon import Trouble
from ..worker import Worker
from .results import Results
from .saved import SavedFiles
from .spare_memory import SpareMemory
from .structure import Unstorable
from .tensors import Snapshot

log = logging.getLogger("autocached")

# Maximum size of waiting copies of outputs; further ones are not kept.
MOST_BYTES = 256 << 20
# Maximum size of a kept output; larger ones (the frames of a video) are made again from kept inputs.
MOST_OUTPUT_BYTES = 128 << 20
_MOST_WAITING = 1000


class Output(NamedTuple):
    """
    What is to be stored, or only compared when there is no `about`: JSON that belongs to the snapshot's value. `structure` finds it before
    ComfyUI's hash is known, `also` is another key of it. `code` is the code that the class is in. It is compared with an earlier run, or with
    the output whose hash is `given`; `after` are the classes with their code that ran before it: where one of them gives something else, so
    does this one. With `is_compared` false another output is no surprise.
    """

    key: str
    structure: str | None
    class_name: str
    code: str
    about: dict | None
    snapshot: Snapshot
    cost_ms: float
    also: str | None = None
    given: str | None = None
    after: frozenset = frozenset()
    is_compared: bool = True


def hash_of(encoded) -> str:
    """The hash by which outputs are compared. `encoded` is the JSON of a snapshot with the names of its files."""
    return hashlib.sha256(json.dumps(encoded).encode()).hexdigest()


class Storing:
    """Stores outputs in a thread, within a limit of pending ones."""

    def __init__(self, results: Results, saved: SavedFiles):
        self._results = results
        self._saved = saved
        self._lock = threading.Lock()
        self._work = Worker("autocached-storing", _MOST_WAITING, results.close)
        self._bytes = 0
        self._memory = SpareMemory()
        self._is_prepared = False
        # The classes, with their code, that were seen to be unrepeatable.
        self._unrepeatable: set[tuple[str, str]] = set()
        # Outputs that were not stored because too many waited.
        self.skipped = 0

    def prepare(self) -> None:
        """Prepares to copy outputs of models that will come. Does not wait."""
        if not self._is_prepared:
            self._is_prepared = True
            with contextlib.suppress(queue.Full):
                self._work.put(self._memory.prepare)

    def snapshot(self, value) -> Snapshot:
        """A copy of a value, within the bounds. Raises Unstorable."""
        taken = []

        def reserve(count: int) -> None:
            if sum(taken) + count > MOST_OUTPUT_BYTES:
                raise Unstorable("it is too large")
            with self._lock:
                if self._bytes + count > MOST_BYTES:
                    self.skipped += 1
                    raise Unstorable("too much waits to be stored")
                self._bytes += count
            taken.append(count)

        try:
            return Snapshot(value, reserve, self._memory)
        except BaseException:
            self._release(sum(taken))
            raise

    def put(self, output: Output) -> None:
        try:
            self._work.put(self._store, output)
        except queue.Full:
            self.skipped += 1
            self._let_go(output.snapshot)

    def find_also_by(self, key: str, value, cost_ms: float, class_name: str) -> None:
        """Has a stored result found by another key, too. `value` is its JSON."""
        with contextlib.suppress(queue.Full):
            self._work.put(self._attempt, self._results.store, key, value, {}, cost_ms, class_name, None)

    def _attempt(self, work, *args) -> None:
        try:
            work(*args)
        except Exception:
            log.debug("autocached: a result is not found by another key", exc_info=True)

    def _store(self, output: Output) -> None:
        try:
            files = output.snapshot.files()
            encoded = output.snapshot.encoded
            if output.about is not None:
                rows, contents = self._saved.with_contents(output.about["saved"])
                value = dict(output.about, value=encoded, saved=rows)
                about = (output.cost_ms, output.class_name, output.structure)
                files.update((name, [content]) for name, content in contents.items())
                self._results.store(output.key, value, files, *about)
                if output.also is not None:
                    self._results.store(output.also, value, {}, *about)
            # The files of an output node have other names each time.
            if output.is_compared and not (output.about or {}).get("saved"):
                self._see(output, hash_of(encoded))
        except Trouble as why:
            log.debug("autocached: an output of %s is not kept: %s", output.class_name, why)
        except Exception:
            log.debug("autocached: an output of %s is not kept", output.class_name, exc_info=True)
        finally:
            self._let_go(output.snapshot)

    def _see(self, output: Output, result: str) -> None:
        """Notes a class that is unrepeatable, of which the daemon keeps nothing."""
        learned = (output.class_name, output.code)
        if output.after & self._unrepeatable or self._results.see(output.key, *learned, result, output.given):
            return
        if learned not in self._unrepeatable:
            self._unrepeatable.add(learned)
            log.warning("autocached: %s gave another output for the same inputs; its outputs are neither kept nor given", output.class_name)

    def _let_go(self, snapshot: Snapshot) -> None:
        self._release(snapshot.bytes)
        snapshot.release()

    def _release(self, count: int) -> None:
        with self._lock:
            self._bytes -= count
