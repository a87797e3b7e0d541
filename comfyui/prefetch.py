"""
Reports each prompt that ComfyUI has accepted to the daemon, so that its models are copied before their nodes run, and so that the daemon
learns from their loads.
"""

from __future__ import annotations

import collections
import logging
import os
import sys

from .daemon import Daemon, Trouble
from .graph import complete, has_key, is_same_node, with_sources
from .host import APP, QueuedPrompt, running_prompt
from .memo.memo import Memo
from .registration import Registration
from .sent_prompt import SentPrompt, current_request, id_of, is_refused
from .will_run import WillRun
from .worker import Worker

log = logging.getLogger("autocached")

_ANSWER_SECONDS = 10.0
_MOST_WAITING = 100


class Prefetch:
    """
    Takes prompts on ComfyUI's event loop, at no cost to it. A thread does the rest; it lives while there is work. `heard()` is called
    there for each prompt. `checked(prompt)` returns the prompt with which ComfyUI continues.
    """

    def __init__(self, daemon: Daemon, registration: Registration, memo: Memo, heard, checked):
        self._daemon = daemon
        self._registration = registration
        self._heard = heard
        self._checked = checked
        self._memo = memo
        self._will_run = WillRun(memo.is_ours)
        self._work = Worker("autocached-prefetch", _MOST_WAITING, daemon.close)
        self._attached = False
        # Ids of prompts that the daemon knows.
        self._told = collections.deque(maxlen=_MOST_WAITING)

    def attach(self) -> None:
        """Registers for all prompts that are sent to ComfyUI's server, if it exists and has that function. Once."""
        server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
        add = getattr(server, "add_on_prompt_handler", None)
        if add is not None and not self._attached:
            self._attached = True
            add(self.on_prompt)
            self._memo.attach()
            self._will_run.attach()

    def on_prompt(self, json_data):
        """ComfyUI's handler of prompts: returns its argument, or one with a changed prompt for ComfyUI to refuse. Never raises."""
        prompt = json_data.get("prompt") if isinstance(json_data, dict) else None
        if not isinstance(prompt, dict):
            return json_data
        try:
            checked = self._checked(prompt)
            if checked is not prompt:
                json_data = dict(json_data, prompt=checked)
        except Exception:
            log.debug("autocached: a prompt is not checked", exc_info=True)
        try:
            self._hear(SentPrompt(json_data))
        except Exception:
            log.debug("autocached: a prompt is not prefetched", exc_info=True)
        return json_data

    def loads(self, client: dict) -> None:
        """
        Called for each model that a node asks for. The daemon learns from that which inputs name which files, so it must know the prompt
        by its id. Not every prompt was sent with an id. Never waits and never raises.
        """
        prompt_id = client.get("prompt")
        if prompt_id is None or prompt_id in self._told:
            return
        self._told.append(prompt_id)
        running = running_prompt(prompt_id)
        if running is not None:
            self._later(self._tell, running)

    def _tell(self, running: QueuedPrompt) -> None:
        try:
            self._daemon.post("/api/workflows/running", _body(running.prompt, running.id), _ANSWER_SECONDS)
        except Trouble as why:
            log.debug("autocached: the daemon was not told which prompt runs: %s", why)

    def _hear(self, sent: SentPrompt) -> None:
        if self._memo.audit.is_own(sent.id):
            # No copy is made for its sake.
            self._told.append(sent.id)
            self._memo.expect(sent)
            return
        self._later(self._prepare)
        # Its provider is asked before the one that watches.
        self._memo.expect(sent)
        request = current_request()
        if request is None:
            sent.is_accepted = True
            self._later(self._send_waiting, sent, None)
            return
        sent.is_watched = self._will_run.watch(sent.prompt, lambda found, asked: self._later(self._runs, sent, found, asked))
        request.add_done_callback(lambda done: self._later(self._answered, sent, done))

    def _prepare(self) -> None:
        """Also for refused prompts: missing names may exist at the next try."""
        self._heard()
        self._registration.offer()
        self._memo.refresh()

    def _answered(self, sent: SentPrompt, request) -> None:
        """Called when ComfyUI has accepted or refused the prompt."""
        sent.accepted_as(id_of(request))
        found = sent.find()
        sent.is_accepted = found is not None or not is_refused(request)
        is_replaced = found is not None and sent.is_replaced_by(found)
        if not sent.is_accepted or is_replaced:
            self._will_run.forget(sent.prompt)
            self._memo.forget(sent)
        if is_replaced:
            sent.prompt, sent.is_watched, sent.may_be_given = found.prompt, False, False
        if not sent.is_accepted:
            return
        if not sent.is_watched:
            self._send_waiting(sent, found)

    def _runs(self, sent: SentPrompt, found: QueuedPrompt | None, asked: set[str] | None) -> None:
        """Called when the watch of a prompt ends. `asked` are the nodes whose outputs ComfyUI lacks, None if they remain unknown."""
        sent.is_watched = False
        if found is not None and asked is not None:
            known = complete(sent.prompt, {node for node in sent.prompt if has_key(sent.prompt[node])})
            local = known - asked
            given = self._memo.given(found.id) & local
            self._send(sent.prompt, found.id, found.outputs, local - given, given, running=True)
        elif found is not None or sent.is_accepted:
            self._send_waiting(sent, found or sent.find())

    def _send_waiting(self, sent: SentPrompt, found: QueuedPrompt | None) -> None:
        """Nodes that the running prompt has too were prefetched for it, and will be cached when this prompt begins."""
        if found is None:
            self._send(sent.prompt, sent.id, sent.targets, set(), self._memo.foresee(sent, sent.targets, set()))
            return
        running = running_prompt()
        is_other = running is not None and running.id != found.id and not self._memo.audit.is_own(running.id)
        known = _shared(sent.prompt, running) if is_other else set()
        self._send(sent.prompt, found.id, found.outputs, known, self._memo.foresee(sent, found.outputs, known))

    def _send(self, prompt: dict, prompt_id, targets, cached: set[str], kept: set[str], running: bool = False) -> None:
        """`cached` are nodes whose outputs ComfyUI has, `kept` those whose outputs it is given from the memo. `running`: it has begun."""
        body = _body(prompt, prompt_id)
        if running:
            body["running"] = True
        if isinstance(targets, list):
            body["partial_execution_targets"] = targets
        if cached:
            body["cachedNodes"] = sorted(cached)
        if kept:
            body["keptNodes"] = sorted(kept)
        try:
            self._registration.finish(_ANSWER_SECONDS)
            answer = self._daemon.post("/api/workflows/prefetch", body, _ANSWER_SECONDS)
            self._memo.spared = _spared(answer)
            if prompt_id is not None:
                self._told.append(str(prompt_id))
        except Trouble as why:
            log.debug("autocached: a prompt was not prefetched: %s", why)

    def _later(self, work, *args) -> None:
        """Queues work for the thread. Never raises."""
        try:
            self._work.put(self._attempt, work, *args)
        except Exception:
            log.debug("autocached: a prompt is not prefetched", exc_info=True)

    def _attempt(self, work, *args) -> None:
        try:
            work(*args)
        except Exception:
            log.debug("autocached: a prompt is not prefetched", exc_info=True)


def _spared(answer: dict) -> list[dict]:
    """Logs and returns the models of the daemon's answer that get no copy although the prompt names them."""
    spared = [model for model in answer.get("models", ()) if model.get("notNeeded") and not model.get("ready")]
    for model in spared:
        log.info("autocached: %s is %s: %s", model.get("name"), model.get("word"), model.get("why"))
    return spared


def _shared(prompt: dict, running: QueuedPrompt) -> set[str]:
    """The nodes that a running prompt executes or has cached too."""
    run = running.prompt if running.outputs is None else with_sources(running.prompt, running.outputs)
    return complete(prompt, {node for node in run if node in prompt and is_same_node(prompt[node], running.prompt[node])})


def _body(prompt: dict, prompt_id) -> dict:
    body = {"prompt": {node: _without_notes(prompt[node]) for node in prompt}, "client": {"app": APP, "pid": os.getpid()}}
    return body if prompt_id is None else dict(body, promptId=str(prompt_id))


def _without_notes(node):
    """A node without ComfyUI's note of IS_CHANGED, which need not be JSON."""
    return {key: node[key] for key in node if key != "is_changed"} if isinstance(node, dict) else node
