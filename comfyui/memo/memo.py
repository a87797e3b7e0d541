"""ComfyUI's provider of kept outputs: it is registered while a prompt that wants it waits or runs."""

from __future__ import annotations

import logging
import threading
import time

from ..cache_provider import interface, lacking
from ..daemon import Daemon
from ..graph import has_few_pairs, is_same_prompt
from ..host import running_prompt, waiting_prompts
from ..loads import Loads
from ..sent_prompt import SentPrompt
from .audit import Audit
from .classes import ALL, OFF, kept_classes
from .code import Code
from .contents import Contents
from .costs import Costs
from .files import Files
from .foresight import foresee
from .identity import Identity
from .opened import OpenedFiles
from .provider import provider
from .results import Results
from .running import RunningPrompt
from .saved import SavedFiles
from .signature import Signatures
from .storing import Storing

log = logging.getLogger("autocached")

# While a provider is registered, ComfyUI computes a hash for each node of its class and inputs and those of all ancestors, three times a
# prompt: some 120 us of CPU time for each pair.
MOST_PAIRS = 3000
_MOST_FAILURES = 3
_MOST_PAGES = 100
# Interval between checks whether a prompt without the provider has ended.
_LOOK_SECONDS = 0.05


class Memo:
    """
    `own(category, name)` is ComfyUI's own path of a model; `loads` is told which nodes have ended. Code in ComfyUI's threads never raises.
    """

    def __init__(self, daemon: Daemon, folder_paths, own, loads: Loads):
        self.results = Results(daemon)
        self.loads = loads
        self._new_files = lambda: Files(folder_paths, own)
        self.files = self._new_files()
        self.saved = SavedFiles(folder_paths)
        self.storing = Storing(self.results, self.saved)
        self.opened = OpenedFiles()
        self.costs = Costs()
        self.contents = Contents(daemon)
        self.identity = Identity(Code(folder_paths, time.time()))
        self.audit = Audit(lambda: self.results.audit, self._forget, MOST_PAIRS)
        # Models of the last prompt without a copy, as reported by the daemon.
        self.spared: list[dict] = []
        self.value_class = None
        self._api = None
        self._provider = None
        self._lock = threading.RLock()
        self._expected: list[SentPrompt] = []
        self._is_registered = False
        self._running: RunningPrompt | None = None
        self._failures = 0
        # Pages whose next prompt runs all of its nodes.
        self._fresh_pages: set[str] = set()

    def attach(self) -> None:
        """Detects this ComfyUI's interface, and begins to read its identity. Once."""
        if self._api is not None:
            return
        api = interface()
        why = lacking(api)
        if why is not None or getattr(api, "CacheValue", None) is None:
            # WillRun says so.
            log.debug("autocached: this ComfyUI cannot be given outputs that were made before (%s)", why or "no values")
            return
        self.value_class = api.CacheValue
        self._provider = provider(api.CacheProvider, self)
        self._api = api
        threading.Thread(target=self._begin, name="autocached-memo", daemon=True).start()

    def refresh(self) -> None:
        """Asks the daemon for the mode of kept outputs. Not for ComfyUI's event loop."""
        if self._api is not None:
            self.results.ask([])

    def is_ours(self, found) -> bool:
        """True for the provider of this memo."""
        return found is self._provider

    def run_fresh(self, page: str) -> None:
        """The next prompt from this page of ComfyUI runs all of its nodes, although their outputs are kept."""
        with self._lock:
            if len(self._fresh_pages) < _MOST_PAGES:
                self._fresh_pages.add(page)

    def expect(self, sent: SentPrompt) -> None:
        """A prompt has arrived. Notes whether its nodes may be given kept outputs."""
        with self._lock:
            if sent.page in self._fresh_pages:
                self._fresh_pages.discard(sent.page)
                sent.is_fresh = True
            mode = self.results.mode
            if self._api is None or mode in (None, OFF) or not self._is_wanted_by(sent.prompt, kept_classes(mode)):
                return
            sent.may_be_given = not sent.is_fresh
            self._expected.append(sent)
            self._register()
        self.storing.prepare()

    def foresee(self, sent: SentPrompt, targets: list | None, local: set[str]) -> set[str]:
        """
        The nodes of a prompt whose outputs ComfyUI will probably be given; it has those of `local` itself. Not for ComfyUI's event loop.
        """
        if not sent.may_be_given or self._api is None or self.results.mode in (None, OFF):
            return set()
        shared = {"results": self.results, "identity": self.identity, "saved": self.saved}
        try:
            return foresee(sent.prompt, targets, local, files=self._new_files(), **shared)
        except Exception:
            log.debug("autocached: which outputs will be given is not known", exc_info=True)
            return set()

    def given(self, prompt_id: str) -> set[str]:
        """The nodes of the running prompt whose outputs ComfyUI was given."""
        running = self._running
        return set() if running is None else running.given(prompt_id)

    def forget(self, sent: SentPrompt) -> None:
        """ComfyUI has refused a prompt."""
        with self._lock:
            self._expected = [one for one in self._expected if one is not sent]
            self._unregister_when_idle()

    def _forget(self, prompt_id: str) -> None:
        with self._lock:
            self._expected = [one for one in self._expected if one.id != prompt_id]
            self._unregister_when_idle()

    def opens(self, client: dict, category: str, name: str) -> None:
        """A node opens a model."""
        try:
            prompt_id, node = client.get("prompt"), client.get("node")
            running = running_prompt(prompt_id) if self._api is not None and prompt_id is not None else None
            if running is not None and node in running.prompt:
                self.files.opened(name)
                self.opened.open(Signatures(running.prompt).of(node), category, name, self.files.state(category, name))
        except Exception:
            self.failed()

    def on_start(self, prompt_id: str) -> None:
        with self._lock:
            found = running_prompt(prompt_id)
            sent = next((one for one in self._expected if found is not None and _is(one, found)), None)
            self._end()
            self._expected = [one for one in self._expected if one is not sent]
            if sent is not None and self.results.mode not in (None, OFF):
                self._running = RunningPrompt(self, found, sent.prompt, sent.is_fresh, self.audit.given_of(found.id))
            else:
                # ComfyUI need not compute keys for it.
                self._unregister()
                if self._expected:
                    threading.Thread(target=self._return_after, args=(prompt_id,), name="autocached-memo", daemon=True).start()

    async def lookup(self, context):
        running = self._running
        return None if running is None else await running.lookup(context)

    def store(self, context, value) -> None:
        running = self._running
        if running is not None:
            running.store(context, value)

    def on_end(self, _prompt_id: str) -> None:
        with self._lock:
            self._end()
            self._unregister_when_idle()

    def be_called(self, running: RunningPrompt, is_needed: bool) -> None:
        """For the running prompt. Another one that waits needs to be called when it starts."""
        with self._lock:
            if is_needed or self._expected:
                self._register()
            elif self._running is running:
                self._unregister()

    def failed(self) -> None:
        """After some errors of these files ComfyUI is given nothing more."""
        log.debug("autocached: a kept output is not given", exc_info=True)
        with self._lock:
            self._failures += 1
            if self._failures == _MOST_FAILURES:
                log.warning("autocached: outputs of nodes are neither kept nor given until ComfyUI is started again: there were %d errors", self._failures)
                self._unregister()
                self._end()
                self._api = None

    def _end(self) -> None:
        running, self._running = self._running, None
        if running is not None:
            running.end()

    def _begin(self) -> None:
        self.refresh()
        self.results.close()
        self.identity.learn()

    def _is_wanted_by(self, prompt: dict, kept: frozenset) -> bool:
        is_wanted = self.results.mode == ALL or any(_class(node) in kept for node in prompt.values())
        return is_wanted and has_few_pairs(prompt, MOST_PAIRS)

    def _register(self) -> None:
        if not self._is_registered and self._api is not None:
            self._api.register_cache_provider(self._provider)
            self._is_registered = True

    def _unregister(self) -> None:
        if self._is_registered:
            self._is_registered = False
            self._api.unregister_cache_provider(self._provider)

    def _unregister_when_idle(self) -> None:
        """Prompts may have been taken out of the queue."""
        waiting = waiting_prompts()
        if waiting is not None:
            self._expected = [one for one in self._expected if not one.is_accepted or any(_is(one, found) for found in waiting)]
        if not self._expected and self._running is None:
            self._unregister()

    def _return_after(self, prompt_id: str) -> None:
        while running_prompt(prompt_id) is not None:
            time.sleep(_LOOK_SECONDS)
        with self._lock:
            if self._expected:
                self._register()


def _is(sent: SentPrompt, found) -> bool:
    return found.prompt is sent.prompt or (sent.id is not None and found.id == sent.id) or is_same_prompt(found.prompt, sent.prompt)


def _class(node) -> str | None:
    return node.get("class_type") if isinstance(node, dict) else None
