"""The costs of nodes' outputs."""

from __future__ import annotations

import collections

from ..graph import with_sources
from .ancestry import Ancestry

_MOST_KNOWN = 10_000


class Costs:
    """Times of the loaders of models by their signature, in ms."""

    def __init__(self):
        self._loaders: collections.OrderedDict[str, float] = collections.OrderedDict()

    def of(self, ancestry: Ancestry, node: str, own_ms: float) -> float:
        """The cost of a node's output that took `own_ms`, with the loading of its models."""
        found = ancestry.class_of(node)
        if found is not None and found.is_live:
            self._loaders[ancestry.signature(node)] = own_ms
            while len(self._loaders) > _MOST_KNOWN:
                self._loaders.popitem(last=False)
        ancestors = with_sources(ancestry.prompt, [node]) - {node}
        return own_ms + sum(self._loaders.get(ancestry.signature(one), 0.0) for one in ancestors)
