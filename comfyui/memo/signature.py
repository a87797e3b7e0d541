"""The structural signature of a node: equal for equal nodes with equal ancestors, whatever their ids are."""

from __future__ import annotations

import hashlib
import json

from ..graph import inputs_of, is_link


class Signatures:
    """Of the nodes of one prompt. Raises KeyError for links to nothing, and ValueError for what JSON does not have."""

    def __init__(self, prompt: dict):
        self._prompt = prompt
        self._known: dict[str, str] = {}

    def of(self, node: str) -> str:
        if node not in self._known:
            inputs = inputs_of(self._prompt[node])
            parts = {name: [self.of(value[0]), value[1]] if is_link(value) else {"is": value} for name, value in inputs.items()}
            text = json.dumps([self._prompt[node]["class_type"], parts], sort_keys=True, allow_nan=False)
            self._known[node] = hashlib.sha256(text.encode()).hexdigest()
        return self._known[node]
