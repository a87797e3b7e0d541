"""State that a forked child must not share with its parent: connections, locks that a thread of the parent may hold, running computations."""

from __future__ import annotations

import os
from typing import Callable, Generic, TypeVar

Value = TypeVar("Value")


class PerProcess(Generic[Value]):
    """Calling it gives the value of this process, made at its first use. A child drops its parent's value."""

    def __init__(self, make: Callable[[], Value]):
        self._make = make
        self._values: dict[int, Value] = {}

    def __call__(self) -> Value:
        pid = os.getpid()
        value = self._values.get(pid)
        if value is None:
            for other in [known for known in list(self._values) if known != pid]:
                self._values.pop(other, None)
            # Without a lock, which could be held at a fork: of two threads that make a value, both get the first.
            value = self._values.setdefault(pid, self._make())
        return value
