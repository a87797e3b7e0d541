"""A prompt between its arrival at ComfyUI's server and its run: whether it was accepted, and its place in the queue."""

from __future__ import annotations

import asyncio
import json

from .graph import is_same_prompt
from .host import QueuedPrompt, running_prompt, waiting_prompts


class SentPrompt:
    """`json_data` is the body of the request."""

    def __init__(self, json_data: dict):
        self.prompt: dict = json_data["prompt"]
        self.id = json_data.get("prompt_id")
        self.page = json_data.get("client_id")
        self.targets = json_data.get("partial_execution_targets")
        extra = json_data.get("extra_data")
        about = extra.get("autocached") if isinstance(extra, dict) else None
        # Its nodes are to run although their outputs are kept.
        self.is_fresh = isinstance(about, dict) and about.get("fresh") is True
        # Notes of its users, see prefetch.py and memo/memo.py.
        self.may_be_given = False
        self.is_watched = False
        self.is_accepted = False

    def accepted_as(self, prompt_id: str | None) -> None:
        """ComfyUI has answered with this id."""
        self.id = self.id or prompt_id

    def is_replaced_by(self, found: QueuedPrompt) -> bool:
        """True when a handler after ours has put another prompt in its place."""
        return not is_same_prompt(found.prompt, self.prompt)

    def find(self) -> QueuedPrompt | None:
        """The prompt in ComfyUI's queue. A running prompt is there as a copy."""
        waiting = waiting_prompts() or ()
        own = [one for one in waiting if one.prompt is self.prompt] or [one for one in waiting if one.id == self.id]
        if own:
            return own[0]
        running = running_prompt()
        is_running = running is not None and (running.id == self.id or is_same_prompt(running.prompt, self.prompt))
        return running if is_running else None


def current_request():
    """The task that serves the present request of ComfyUI's server; None outside of one."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def id_of(request) -> str | None:
    """The id of the prompt in ComfyUI's answer to a request. None when there is none."""
    try:
        return json.loads(request.result()[0].text)["prompt_id"]
    except (Exception, asyncio.CancelledError):
        return None


def is_refused(request) -> bool:
    """
    True when ComfyUI has refused a prompt that is not in its queue, by the status of its answer to the request. When that is not known:
    if ComfyUI shows its queue.
    """
    try:
        return request.result()[0].status >= 400
    except (Exception, asyncio.CancelledError):
        return waiting_prompts() is not None
