"""Determines which nodes of a prompt will run: ComfyUI asks cache providers for each output that it lacks."""

from __future__ import annotations

import logging
import threading

from .cache_provider import has_providers, interface, lacking, observer
from .graph import inputs_of, is_same_prompt, with_sources
from .host import QueuedPrompt, idle_since_prompt, running_prompt

log = logging.getLogger("autocached")

# For each question ComfyUI computes a key from the node and all its dependencies: their classes and inputs, some 40 to 60 us of CPU time
# for each. Prompts that would cost more than 0.15 s are not watched.
MOST_VALUES = 3000
# Number of errors of this file after which no prompt is watched.
MOST_FAILURES = 3


class WillRun:
    """
    Watches one prompt at a time, through a cache provider without outputs. The provider is registered only until the prompt's first node
    runs: ComfyUI has asked for all outputs by then. `is_ours` tells of a provider that it gives kept outputs before this one is asked.
    """

    def __init__(self, is_ours=lambda provider: False):
        self._is_ours = is_ours
        self._api = None
        self._provider = None
        self._lock = threading.Lock()
        self._watch: _Watch | None = None
        self._failures = 0

    def attach(self) -> None:
        """Detects this ComfyUI's interface. Once."""
        if self._provider is not None:
            return
        api = interface()
        why = lacking(api)
        if why is None:
            self._api, self._provider = api, observer(api.CacheProvider, self)
        else:
            log.info("autocached: this ComfyUI does not tell what it has cached (%s); models of all nodes of a prompt are prefetched", why)

    def watch(self, prompt: dict, tell) -> bool:
        """
        Watches an arriving prompt. False when it is not watched: others run first, no prompt has run yet (so nothing is cached), ComfyUI
        would compute too many keys, or another provider may have outputs. Otherwise `tell(found, asked)` is called when the prompt runs,
        with the ids of the nodes whose outputs ComfyUI lacks. Both are None if they remain unknown.
        """
        try:
            with self._lock:
                return self._begin(prompt, tell)
        except Exception:
            self.failed()
            return False

    def forget(self, prompt: dict) -> None:
        """Ends the watch of a refused prompt."""
        with self._lock:
            if self._watch is not None and self._watch.prompt is prompt:
                self._end()

    def on_start(self, prompt_id: str) -> None:
        with self._lock:
            if self._watch is None:
                return
            found = running_prompt(prompt_id)
            if found is not None and is_same_prompt(found.prompt, self._watch.prompt):
                self._watch.found = found
            else:
                self._end().tell(None, None)

    def on_lookup(self, node: str) -> None:
        with self._lock:
            watch = self._watch
            if watch is None or watch.found is None:
                return
            if node in watch.asked:
                # A second question comes when the node is about to run. The first questions are complete by then.
                self._end().tell(watch.found, watch.asked)
            else:
                watch.asked.add(node)

    def on_end(self, _prompt_id: str) -> None:
        with self._lock:
            if self._watch is not None and self._watch.found is not None:
                self._end()

    def failed(self) -> None:
        """Ends the watch after an error of this file, and watches no further prompt after some errors."""
        log.debug("autocached: which nodes of a prompt will run is not known", exc_info=True)
        with self._lock:
            self._failures += 1
            watch = self._watch and self._end()
            if self._failures >= MOST_FAILURES and self._api is not None:
                self._api = None
                log.warning("autocached: what ComfyUI has cached is not understood; models of all nodes of a prompt are prefetched from now on")
        if watch is not None:
            watch.tell(watch.found, None)

    def _begin(self, prompt: dict, tell) -> bool:
        if self._api is None or self._watch is not None or not idle_since_prompt():
            return False
        if has_providers(self._api, self._is_ours) or not _is_small(prompt):
            return False
        self._api.register_cache_provider(self._provider)
        self._watch = _Watch(prompt, tell)
        return True

    def _end(self) -> _Watch:
        watch, self._watch = self._watch, None
        self._api.unregister_cache_provider(self._provider)
        return watch


class _Watch:
    def __init__(self, prompt: dict, tell):
        self.prompt = prompt
        self.tell = tell
        # Set when the prompt runs.
        self.found: QueuedPrompt | None = None
        self.asked: set[str] = set()


def _is_small(prompt: dict) -> bool:
    values = 0
    for node in prompt:
        values += sum(2 + len(inputs_of(prompt[needed])) for needed in with_sources(prompt, [node]))
        if values > MOST_VALUES:
            return False
    return True
