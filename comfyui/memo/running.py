"""One running prompt: one request to the daemon for all its nodes, the answers that ComfyUI needs, and the outputs to store."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import NamedTuple

from ..graph import complete, has_key, with_sources
from ..host import QueuedPrompt, begun_prompts, show_given
from .again import AGAIN, Given, can_run_again, changes_of, is_as_given
from .ancestry import Ancestry
from .classes import ALL, OFF, TEXT, kept_classes, may_be_kept
from .contents import with_contents
from .current import is_current
from .foresight import structure_of
from .key import KeyParts, key_of
from .plan import plan
from .progress import follow
from .question import Question
from .repeatable import Repeatable
from .results import Answer, Found
from .storing import MOST_OUTPUT_BYTES, Output, hash_of
from .structure import Unstorable
from .tensors import restore

log = logging.getLogger("autocached")

# Minimum time of a kept output: a faster one costs more to keep than to make again.
_WORTH_MS = 6.0
# Maximum delay of a prompt by its question.
WAIT_SECONDS = 0.05


class Asked(NamedTuple):
    class_name: str
    hash: str


class RunningPrompt:
    """
    `session` has the state that outlives a prompt. `again`: the output that the prompt computes again. Methods are called in ComfyUI's
    prompt thread.
    """

    def __init__(self, session, queued: QueuedPrompt, prompt: dict, is_fresh: bool, again: Given | None = None):
        self._session = session
        self._prompt = prompt
        self._prompt_id = queued.id
        self._targets = prompt if queued.outputs is None else queued.outputs
        self._is_fresh = is_fresh
        self._again = again
        self._ran: set[str] = set()
        self._asked: dict[str, Asked] = {}
        self._keys: dict[str, str] = {}
        self._parts: dict[str, KeyParts] = {}
        # The keys of the same outputs by the contents of models, as far as these are known.
        self._content_keys: dict[str, str] = {}
        self._question = Question(lambda: session.results.ask([]), session.results.close)
        # Outputs that ComfyUI has not fetched yet. It may forget an output before the prompt ends.
        self._answers: dict[str, object] = {}
        self._given: set[str] = set()
        # The nodes that make outputs which may be kept, and the output nodes that have not started.
        self._makes: set[str] = set()
        self._left = None if queued.outputs is None else set(queued.outputs)
        self._began: dict[str, float] = {}
        self._batch: asyncio.Future | None = None
        self._learns = session.results.mode == ALL
        self._ancestry = Ancestry(prompt, session.files, session.opened, may_be_repeatable=self._learns)
        self._repeatable = Repeatable(self._ancestry, session.identity, session.results, lambda: self._known)

    async def lookup(self, context):
        """ComfyUI's value of a known output, or None. All first questions of a prompt come before ComfyUI continues with any of them."""
        node = context.node_id
        if self._batch is not None and self._batch.done():
            # Asked again: the node is about to run, or continues.
            self._began.setdefault(node, time.monotonic())
            return None
        self._asked[node] = Asked(context.class_type, context.cache_key_hash)
        if self._batch is None:
            loop = asyncio.get_running_loop()
            self._batch = loop.create_future()
            loop.call_soon(self._answer, self._batch)
        await self._batch
        return self._answers.pop(node, None)

    @property
    def _known(self) -> dict[tuple, str]:
        """The known facts of classes by (name, code)."""
        answer = self._question.answer
        return {} if answer is None else answer.known

    def end(self) -> None:
        """The prompt has ended."""
        self._question.drop()
        self._session.loads.forget(self._prompt_id)

    def given(self, prompt_id: str) -> set[str]:
        return self._given if prompt_id == self._prompt_id else set()

    def started(self, node: str) -> None:
        """Whether ComfyUI must compute keys: a node makes an output that may be kept, or the end of the prompt is near."""
        self._began[node] = time.monotonic()
        self._left.discard(node)
        if node in self._keys or node == AGAIN:
            self._makes.add(node)
        self._be_called_if_needed()

    def ended(self, node: str) -> None:
        """It has an output, or ComfyUI had it."""
        if node in self._began and node in self._prompt:
            self._note(node)
        self._left.discard(node)
        self._makes.discard(node)
        self._be_called_if_needed()

    def failed(self) -> None:
        self._session.failed()

    def _be_called_if_needed(self) -> None:
        self._session.be_called(self, bool(self._makes) or not self._left)

    def store(self, context, value) -> None:
        """Takes a copy of a new output, if it is to be kept."""
        node = context.node_id
        if node not in self._prompt or self._session.results.mode == OFF:
            return
        cost_ms = self._note(node)
        if self._again is not None and node == AGAIN:
            self._compare(self._again, value)
            return
        key, asked = self._keys.get(node), self._asked.get(node)
        if key is None or asked is None or asked.hash != context.cache_key_hash or node in self._given:
            return
        is_cheap = cost_ms < _WORTH_MS and context.class_type not in kept_classes(TEXT)
        is_kept = self._repeatable.is_kept(node)
        unnamed = None if is_cheap or not (is_kept or self._repeatable.is_watched(node)) else self._ancestry.unnamed(node)
        ui = _shown(value)
        saved = None if unnamed is None else self._session.saved.states(ui)
        if saved is None:
            return
        try:
            snapshot = self._session.storing.snapshot([value.outputs, ui])
        except Unstorable as why:
            log.debug("autocached: an output of %s is not kept: %s", context.class_type, why)
            return
        about = {"files": self._ancestry.files(node), "unnamed": unnamed, "saved": saved, "cost": round(cost_ms)} if is_kept else None
        structure = structure_of(self._session.identity, self._ancestry, node, self._session.results.is_strict) if is_kept else None
        own = self._ancestry.class_of(node)
        compared = {"also": self._content_keys.get(node), "after": self._repeatable.fallible_before(node, self._ran), "is_compared": not own.is_paid}
        self._session.storing.put(Output(key, structure, *self._repeatable.learned(own), about, snapshot, cost_ms, **compared))

    def _compare(self, given: Given, value) -> None:
        """Has an output that was computed again compared with the given one, if it was made from the same inputs."""
        if not is_as_given(given, self._ancestry, self._ran):
            log.debug("autocached: an output of %s is not compared: it was made of something else", given.class_name)
            return
        try:
            snapshot = self._session.storing.snapshot([value.outputs, _shown(value)])
        except Unstorable as why:
            log.debug("autocached: an output of %s is not compared: %s", given.class_name, why)
            return
        self._session.storing.put(Output(given.key, None, given.class_name, given.code, None, snapshot, 0.0, given=given.result))

    def _draw(self, answers: dict, hits: dict[str, Found], local: set[str]) -> None:
        """Has a given output computed again later, rarely."""
        drawn = [node for node in answers if self._session.audit.draws()]
        there = hits.keys() | local
        node = next((one for one in drawn if can_run_again(self._ancestry, one, there)), None)
        if node is not None and self._again is None:
            value, learned = hits[node].value, self._repeatable.learned(self._ancestry.class_of(node))
            made = (self._ancestry.signature(node), hits[node].key, *learned, hash_of(value["value"]), value)
            self._session.audit.offer(Given(self._prompt, node, *made, changes_of(self._prompt, node), begun_prompts()))

    def _answer(self, batch: asyncio.Future) -> None:
        try:
            self._find_keys()
            if self._is_fresh:
                self._ask([])
            else:
                self._answers = self._found()
                self._given = set(self._answers)
                show_given(self._prompt_id, sorted(self._given))
            self._follow()
        except Exception:
            self._session.failed()
        finally:
            if not batch.done():
                batch.set_result(None)

    def _follow(self) -> None:
        if self._left is not None and follow(self._prompt_id, self):
            self._be_called_if_needed()

    def _found(self) -> dict[str, object]:
        found = self._ask(list(self._keys)) if self._keys else {}
        hits = {node: found[key] for node in self._keys for key in self._both_keys(node) if key in found and self._repeatable.is_kept(node)}
        hits = {node: hit for node, hit in hits.items() if self._is_of_now(node, hit)}
        local = self._local()
        answers: dict[str, object] = {}
        while True:
            # An unreadable output is a miss, and another node is needed then.
            given = plan(self._prompt, self._targets, set(hits), local)
            unread = next((node for node in sorted(given) if node not in answers), None)
            if unread is None:
                answers = {node: answers[node] for node in given}
                self._find_also_by_content({node: hits[node] for node in answers})
                self._draw(answers, hits, local)
                return answers
            try:
                answers[unread] = self._value(unread, hits[unread])
            except Exception as why:
                log.debug("autocached: a kept output cannot be read: %s", why)
                del hits[unread]

    def _ask(self, nodes: list[str]) -> dict[str, Found]:
        classes = self._repeatable.asked_of(self._keys)
        files = {repr(file): file for parts in self._parts.values() for file in parts.files}

        def work() -> Answer:
            hashes = self._session.contents.of(list(files.values()), self._session.files)
            named = {node: with_contents(parts.files, hashes) for node, parts in self._parts.items()}
            self._content_keys = {node: key_of(*self._parts[node]._replace(files=by)) for node, by in named.items() if by is not None}
            return self._session.results.ask([self._keys[node] for node in nodes], classes, [self._content_keys.get(node) for node in nodes])

        if self._question.ask(work, WAIT_SECONDS):
            return {} if self._question.answer is None else self._question.answer.found
        log.info("autocached: the daemon has not said within %d ms which outputs it has; the nodes of this prompt run", WAIT_SECONDS * 1000)
        return {}

    def _both_keys(self, node: str) -> list[str]:
        """The key by which it is stored is the last one."""
        by_content = self._content_keys.get(node)
        return [self._keys[node]] if by_content is None else [by_content, self._keys[node]]

    def _find_also_by_content(self, given: dict[str, Found]) -> None:
        """The contents of models may have become known since an output was stored."""
        answer = self._question.answer
        for node, hit in given.items():
            key = self._content_keys.get(node)
            if key is not None and answer is not None and key not in answer.others:
                self._session.storing.find_also_by(key, hit.value, hit.value.get("cost") or 0, self._asked[node].class_name)

    def _find_keys(self) -> None:
        for node, asked in self._asked.items():
            found = self._ancestry.class_of(node) if node in self._prompt else None
            if may_be_kept(found, self._session.results.mode):
                parts = self._session.identity.parts(self._ancestry, node, asked.hash, self._session.results.is_strict)
                if parts:
                    self._parts[node], self._keys[node] = parts, key_of(*parts)

    def _local(self) -> set[str]:
        """The nodes whose outputs ComfyUI has: it did not ask for them, and their key can be compared."""
        comparable = complete(self._prompt, {node for node in self._prompt if has_key(self._prompt[node])})
        return comparable - self._asked.keys()

    def _is_of_now(self, node: str, hit: Found) -> bool:
        by_content = hit.key == self._content_keys.get(node)
        return is_current(hit.value, node, self._ancestry, self._session.files, self._session.saved, by_content)

    def _value(self, node: str, hit: Found):
        left = [2 * MOST_OUTPUT_BYTES]

        def read(sha256: str) -> bytes:
            path, size = hit.files[sha256]
            left[0] -= size
            if left[0] < 0:
                raise Unstorable("it is too large")
            return self._session.results.read(sha256, path, size)

        outputs, ui = restore(hit.value["value"], read)
        if type(outputs) is not list or not (ui is None or type(ui) is dict):
            raise Unstorable("no output of a node")
        self._session.saved.put_back(hit.value["saved"], read)
        self._session.opened.restore(self._ancestry.signature(node), self._ancestry.files(node), hit.value["unnamed"])
        meta = {"node_id": node, "display_node": node, "parent_node": None, "real_node_id": node}
        return self._session.value_class(outputs=outputs, ui=None if ui is None else {"meta": meta, "output": ui})

    def _note(self, node: str) -> float:
        """
        A node has run. The time that it took, in ms, and its loaders when they ran: they need not run either when the output is known.
        """
        self._ran.add(node)
        self._session.loads.ended(self._prompt_id, node)
        began = self._began.pop(node, None)
        own = 0.0 if began is None else (time.monotonic() - began) * 1000
        return self._session.costs.of(self._ancestry, node, own)


def _shown(value) -> dict | None:
    """The output that a node shows to users."""
    return value.ui.get("output") if isinstance(value.ui, dict) else None
