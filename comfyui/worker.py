"""A thread that lives while there is work for it."""

from __future__ import annotations

import queue
import threading
from typing import Callable


class Worker:
    """Does one piece of work after the other; none may raise. `idle()` is called in the thread when there is no more."""

    def __init__(self, name: str, most: int, idle: Callable[[], object]):
        self._name = name
        self._idle = idle
        self._lock = threading.Lock()
        self._waiting: queue.Queue = queue.Queue(most)
        self._thread: threading.Thread | None = None

    def put(self, work: Callable[..., object], *args) -> None:
        """Raises queue.Full when the queue is full."""
        self._waiting.put_nowait((work, args))
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._work_off, name=self._name, daemon=True)
                self._thread.start()

    def qsize(self) -> int:
        """Number of waiting pieces of work."""
        return self._waiting.qsize()

    def _work_off(self) -> None:
        while True:
            with self._lock:
                if self._waiting.empty():
                    self._thread = None
                    break
            work, args = self._waiting.get()
            work(*args)
        self._idle()
