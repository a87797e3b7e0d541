"""A prompt that computes one node's output again from the same inputs, although ComfyUI has it."""

from __future__ import annotations

import sys
from typing import NamedTuple

from ..graph import inputs_of, sources, with_sources
from .ancestry import Ancestry
from .classes import is_fallible

# The ids of the second node, and of an output node for it: ComfyUI runs nodes for the sake of those.
AGAIN, END = "autocached-again", "autocached-again-end"
_END_CLASS = "PreviewAny"
# ComfyUI's key has all inputs of a node, its function gets those that the class declares.
_UNKNOWN_INPUT = "autocached_again"


class Given(NamedTuple):
    """
    An output that was given to ComfyUI, and everything it was made of: `result` is its hash, `about` has its files, `changes` the answers
    of IS_CHANGED. `begun` is the number of prompts that had begun.
    """

    prompt: dict
    node: str
    signature: str
    key: str
    class_name: str
    code: str
    result: str
    about: dict
    changes: dict
    begun: int | None


def can_run_again(ancestry: Ancestry, node: str, there: set[str]) -> bool:
    """
    True when ComfyUI can compute an output again without effects: it has the outputs of `there`, and the other nodes to run only load or
    change models, or are known to be repeatable.
    """
    if _END_CLASS not in sys.modules["nodes"].NODE_CLASS_MAPPINGS or {AGAIN, END} & ancestry.prompt.keys():
        return False
    found = ancestry.class_of(node)
    if found is None or found.is_output or found.is_paid or found.has_id or not found.ignores(_UNKNOWN_INPUT):
        return False
    waiting, seen = list(sources(ancestry.prompt[node])), set()
    while waiting:
        one = waiting.pop()
        if one in seen or one in there:
            continue
        seen.add(one)
        source = ancestry.class_of(one) if one in ancestry.prompt else None
        if source is None or source.is_output or is_fallible(source):
            return False
        waiting += sources(ancestry.prompt[one])
    return True


def prompt_again(prompt: dict, node: str, nonce: str) -> dict:
    """
    The whole prompt and the two nodes, because ComfyUI may forget outputs that the running prompt lacks. Only END is a target.
    """
    nodes = {one: {"class_type": prompt[one].get("class_type"), "inputs": inputs_of(prompt[one])} for one in prompt}
    nodes[AGAIN] = dict(nodes[node], inputs={**nodes[node]["inputs"], _UNKNOWN_INPUT: nonce})
    nodes[END] = {"class_type": _END_CLASS, "inputs": {"source": [AGAIN, 0]}}
    return nodes


def changes_of(prompt: dict, node: str) -> dict:
    """The answers of IS_CHANGED of the node and its ancestors, for ComfyUI's key."""
    return {one: repr(prompt[one].get("is_changed")) for one in with_sources(prompt, [node])}


def is_as_given(given: Given, ancestry: Ancestry, ran: set[str]) -> bool:
    """
    True when AGAIN had the inputs of the output that was given. Packs can change a prompt on its way, users can replace files; and a
    node before it that has run anew (`ran`) may have given something else.
    """
    prompt, node = ancestry.prompt, given.node
    inputs = {name: value for name, value in inputs_of(prompt[AGAIN]).items() if name != _UNKNOWN_INPUT}
    before = with_sources(prompt, [AGAIN]) - {AGAIN}
    return (
        inputs == inputs_of(prompt[node])
        and ancestry.signature(node) == given.signature
        and changes_of(prompt, node) == given.changes
        and ancestry.files(AGAIN) == given.about["files"]
        and ancestry.unnamed(AGAIN) == given.about["unnamed"]
        and not any(is_fallible(ancestry.class_of(one)) for one in ran & before)
    )
