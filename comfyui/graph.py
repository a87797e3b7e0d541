"""The graph of a prompt: the dependencies between its nodes."""

from __future__ import annotations

from typing import Iterable


def inputs_of(node) -> dict:
    """The inputs of a node by name; none for malformed nodes."""
    inputs = node.get("inputs") if isinstance(node, dict) else None
    return inputs if isinstance(inputs, dict) else {}


def sources(node) -> list[str]:
    """Ids of the nodes that a node is linked to."""
    return [value[0] for value in inputs_of(node).values() if is_link(value)]


def with_sources(prompt: dict, ids: Iterable[str]) -> set[str]:
    """These nodes of the prompt and all their dependencies."""
    found, stack = set(), list(ids)
    while stack:
        node = stack.pop()
        if node in prompt and node not in found:
            found.add(node)
            stack += sources(prompt[node])
    return found


def complete(prompt: dict, ids: set[str]) -> set[str]:
    """The nodes of `ids` whose dependencies are all in `ids`."""
    while True:
        left = {node for node in ids if ids.issuperset(sources(prompt[node]))}
        if left == ids:
            return left
        ids = left


def has_few_pairs(prompt: dict, most: int) -> bool:
    """True for a prompt with at most this number of pairs of a node and an ancestor."""
    pairs = 0
    for node in prompt:
        pairs += len(with_sources(prompt, [node])) - 1
        if pairs > most:
            return False
    return True


def is_same_node(one, other) -> bool:
    """True for nodes of the same class with the same inputs."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return False
    return one.get("class_type") == other.get("class_type") and one.get("inputs") == other.get("inputs")


def is_same_prompt(one: dict, other: dict) -> bool:
    """True for equal prompts. ComfyUI's notes in their nodes do not count."""
    return one is other or (one.keys() == other.keys() and all(is_same_node(one[node], other[node]) for node in one))


def has_key(node) -> bool:
    """False for a node that always runs: its inputs, or the result of its IS_CHANGED, cannot be compared (NaN, objects)."""
    return isinstance(node, dict) and _is_comparable(node.get("inputs")) and _is_comparable(node.get("is_changed"))


def _is_comparable(value) -> bool:
    if isinstance(value, dict):
        return all(_is_comparable(part) for part in value.values())
    if isinstance(value, (list, tuple)):
        return all(_is_comparable(part) for part in value)
    return value is None or (isinstance(value, (int, float, str, bytes)) and value == value)


def is_link(value) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and isinstance(value[1], (int, float))
