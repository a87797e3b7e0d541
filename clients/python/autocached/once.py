"""Gets a result or computes it: once in this process, once among all processes, and in the background when a stale one is enough."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
from typing import Awaitable, Callable

from .flights import AGAIN, Flights, computing, copied, is_computing
from .results import Question, Results, Taken

log = logging.getLogger("autocached")


class Once:
    def __init__(self, results: Results):
        self.results = results
        self._flights = Flights()
        # asyncio itself does not keep tasks.
        self._refreshing: set[asyncio.Task] = set()

    def call(self, question: Question, compute: Callable[[], object], options: Callable[[], dict]):
        """Raises the errors of `compute`, or CoalescedError. `options` is called when a result is stored."""
        name = question.local
        if is_computing(name):
            return compute()
        while True:
            flight, leads = self._flights.join(name)
            if leads:
                try:
                    result, is_shareable = self._lead(question, compute, options)
                except BaseException as error:
                    self._flights.crash(name, flight, error)
                    raise
                self._flights.land(name, flight, result if is_shareable else AGAIN)
                return result
            outcome = copied(flight.outcome.result())
            if outcome is not AGAIN:
                return outcome

    async def call_async(self, question: Question, compute: Callable[[], Awaitable], options: Callable[[], dict]):
        """The same for a coroutine. The event loop continues while the daemon is asked."""
        name = question.local
        if is_computing(name):
            return await compute()
        while True:
            flight, leads = self._flights.join(name)
            if leads:
                try:
                    result, is_shareable = await self._lead_async(question, compute, options)
                except BaseException as error:
                    self._flights.crash(name, flight, error)
                    raise
                self._flights.land(name, flight, result if is_shareable else AGAIN)
                return result
            outcome = copied(await asyncio.wrap_future(flight.outcome))
            if outcome is not AGAIN:
                return outcome

    def _lead(self, question, compute, options) -> tuple[object, bool]:
        taken = self.results.take(question)
        if not taken.is_found:
            return self._compute(question, taken, compute, options)
        if taken.lease is not None:
            context = contextvars.copy_context()
            work = (_quietly, self._compute, question, taken, compute, options)
            threading.Thread(target=context.run, args=work, name="autocached-refresh", daemon=True).start()
        return taken.result, True

    async def _lead_async(self, question, compute, options) -> tuple[object, bool]:
        taken = await in_thread(lambda: self.results.take(question), self._abandon)
        if not taken.is_found:
            return await self._compute_async(question, taken, compute, options)
        if taken.lease is not None:
            task = asyncio.ensure_future(_quietly_async(self._compute_async(question, taken, compute, options)))
            self._refreshing.add(task)
            task.add_done_callback(self._refreshing.discard)
        return taken.result, True

    def _compute(self, question, taken: Taken, compute, options) -> tuple[object, bool]:
        with self.results.leases.holding(taken.lease, taken.lease_ms):
            try:
                with computing(question.local):
                    result = compute()
                    said = options()
            except BaseException as error:
                self.results.give_back(taken.lease, error if isinstance(error, Exception) else None)
                raise
            return result, self.results.store(question, taken.lease, result, said)

    async def _compute_async(self, question, taken: Taken, compute, options) -> tuple[object, bool]:
        with self.results.leases.holding(taken.lease, taken.lease_ms):
            try:
                with computing(question.local):
                    result = await compute()
                    said = options()
            except BaseException as error:
                told = error if isinstance(error, Exception) else None
                # Also while the task is being cancelled, which cannot wait.
                if taken.lease is not None:
                    threading.Thread(target=self.results.give_back, args=(taken.lease, told), daemon=True).start()
                raise
            return result, await in_thread(lambda: self.results.store(question, taken.lease, result, said))

    def _abandon(self, taken: Taken) -> None:
        self.results.give_back(taken.lease)


async def in_thread(work: Callable[[], object], abandon: Callable[[object], None] = lambda _: None):
    """
    The result of blocking work, in a separate thread, because a pool could be full of waiting calls. When the caller is cancelled
    meanwhile, `abandon` gets the result.
    """
    loop = asyncio.get_running_loop()
    waiting = loop.create_future()

    def tell(result, error) -> None:
        if not waiting.cancelled():
            waiting.set_exception(error) if error else waiting.set_result(result)
        elif error is None:
            threading.Thread(target=abandon, args=(result,), daemon=True).start()

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        try:
            loop.call_soon_threadsafe(tell, result, error)
        except RuntimeError:
            # The loop has ended.
            if error is None:
                abandon(result)

    threading.Thread(target=contextvars.copy_context().run, args=(run,), name="autocached-ask", daemon=True).start()
    return await waiting


def _quietly(work, *args) -> None:
    """A refresh that fails leaves the stale result for its time."""
    try:
        work(*args)
    except Exception as error:
        log.warning("autocached: a stale result could not be computed anew: %s: %s", type(error).__name__, error)


async def _quietly_async(work: Awaitable) -> None:
    try:
        await work
    except Exception as error:
        log.warning("autocached: a stale result could not be computed anew: %s: %s", type(error).__name__, error)
