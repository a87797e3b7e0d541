"""The structural signature of a node: equal for equal nodes with equal ancestors, whatever their ids are."""

from __future__ import annotations

import hashlib
import json

from ..graph import inputs_of, is_link, sources


class Signatures:
    """The signatures of one prompt's nodes. Raises KeyError for links to nothing, and ValueError for a cycle."""

    def __init__(self, prompt: dict):
        self._prompt = prompt
        self._known: dict[str, str] = {}

    def of(self, node: str) -> str:
        # Chains of nodes can be longer than Python's stack.
        waiting, within = [node], set()
        while waiting:
            one = waiting[-1]
            missing = [source for source in sources(self._prompt[one]) if source not in self._known]
            if not missing:
                self._known[waiting.pop()] = self._made(one)
            elif one in within:
                raise ValueError("the graph has a circle at %s" % one)
            else:
                within.add(one)
                waiting += missing
        return self._known[node]

    def _made(self, node: str) -> str:
        inputs = inputs_of(self._prompt[node])
        parts = {name: [self._known[value[0]], value[1]] if is_link(value) else {"is": value} for name, value in inputs.items()}
        text = json.dumps([self._prompt[node].get("class_type"), parts], sort_keys=True, default=repr)
        return hashlib.sha256(text.encode()).hexdigest()
