"""One computation of a result at a time in this process: of the threads and tasks that ask for it, the first leads and the others follow."""

from __future__ import annotations

import contextlib
import contextvars
import copy
import threading
from concurrent.futures import Future

# The results that the running code computes. Code that asked for one of them would wait for itself.
_computing: contextvars.ContextVar[frozenset] = contextvars.ContextVar("autocached_computing", default=frozenset())

# The leader was interrupted, or its result cannot be shared: a follower asks again.
AGAIN = object()


class Flight:
    def __init__(self):
        self.followers = 0
        self._outcome: Future = Future()
        # A follower that is cancelled must not cancel the others.
        self._outcome.set_running_or_notify_cancel()

    @property
    def outcome(self) -> Future:
        """`copied(outcome)` makes a follower's own copy of the result."""
        return self._outcome


class Flights:
    def __init__(self):
        self._lock = threading.Lock()
        self._flights: dict[str, Flight] = {}

    def join(self, name: str) -> tuple[Flight, bool]:
        """The flight, and whether the caller leads it. A leader must `land` it."""
        with self._lock:
            flight = self._flights.get(name)
            if flight is None:
                flight = self._flights[name] = Flight()
                return flight, True
            flight.followers += 1
            return flight, False

    def land(self, name: str, flight: Flight, result) -> None:
        """Gives followers the result, or AGAIN."""
        self._close(name)
        # The leader's caller may change its result while followers copy theirs.
        flight.outcome.set_result(copied(result) if flight.followers else None)

    def crash(self, name: str, flight: Flight, error: BaseException) -> None:
        """Followers get the same error. After an end of the leader only, such as an interrupt, they ask again."""
        self._close(name)
        if isinstance(error, Exception):
            flight.outcome.set_exception(error)
        else:
            flight.outcome.set_result(AGAIN)

    def _close(self, name: str) -> None:
        with self._lock:
            del self._flights[name]


def copied(result):
    """A copy that its holder can change, or AGAIN for a value that cannot be copied."""
    if result is AGAIN:
        return AGAIN
    try:
        return copy.deepcopy(result)
    except Exception:
        return AGAIN


def is_computing(name: str) -> bool:
    return name in _computing.get()


@contextlib.contextmanager
def computing(name: str):
    """Marks the code of the block as the computation of this result."""
    token = _computing.set(_computing.get() | {name})
    try:
        yield
    finally:
        _computing.reset(token)
