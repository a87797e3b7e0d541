"""The request of a prompt that is about to run, sent in a thread, so that the prompt's wait is limited."""

from __future__ import annotations

import logging
import queue
import threading
from typing import Callable

log = logging.getLogger("autocached")


class Question:
    """
    The thread begins at once with `prepare()`, while ComfyUI computes its keys, and ends with the answer. `close()` ends its connection.
    """

    def __init__(self, prepare: Callable[[], object], close: Callable[[], object]):
        self._work: queue.SimpleQueue = queue.SimpleQueue()
        self._answered = threading.Event()
        # Outcome of the work; None until it has ended, which may be too late for the prompt's beginning.
        self.answer = None
        self._error: Exception | None = None
        threading.Thread(target=self._run, args=(prepare, close), name="autocached-question", daemon=True).start()

    def ask(self, work: Callable[[], object], seconds: float) -> bool:
        """Waits for the work. False when it has not ended within the timeout; it continues. Raises the error of the work."""
        self._work.put(work)
        is_answered = self._answered.wait(seconds)
        if self._error is not None:
            raise self._error
        return is_answered

    def drop(self) -> None:
        """Ends the question: there is none, or its answer is not needed."""
        self._work.put(None)

    def _run(self, prepare: Callable[[], object], close: Callable[[], object]) -> None:
        try:
            prepare()
            work = self._work.get()
            self.answer = work() if work is not None else None
        except Exception as error:
            log.debug("autocached: a prompt's question failed", exc_info=True)
            self._error = error
        finally:
            self._answered.set()
            close()
