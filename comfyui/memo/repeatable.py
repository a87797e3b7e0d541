"""Decides which outputs of a prompt are kept, by the known repeatability of their classes."""

from __future__ import annotations

from typing import Callable

from ..graph import with_sources
from .ancestry import Ancestry
from .classes import NodeClass, is_fallible, kept_classes
from .identity import Identity
from .results import REPEATABLE, UNREPEATABLE, Results


class Repeatable:
    """`known()` gives the daemon's answers on classes by (name, code)."""

    def __init__(self, ancestry: Ancestry, identity: Identity, results: Results, known: Callable[[], dict[tuple, str]]):
        self._ancestry = ancestry
        self._identity = identity
        self._results = results
        self._known = known
        self._kept = kept_classes(results.mode)

    def learned(self, node_class: NodeClass) -> tuple[str, str]:
        """The name and the code of a class, by which the daemon knows it."""
        return node_class.name, self._identity.code_of(node_class, self._results.is_strict)

    def asked_of(self, nodes) -> list[tuple[str, str]]:
        """The classes that decide whether the outputs of these nodes are kept."""
        return sorted({self.learned(one) for node in nodes for one in self._involved(node)})

    def is_kept(self, node: str) -> bool:
        own = self._ancestry.class_of(node)
        if self._verdict(own) == UNREPEATABLE:
            return False
        return all((one is own and self._is_listed(own)) or self._verdict(one) == REPEATABLE for one in self._involved(node))

    def is_watched(self, node: str) -> bool:
        """True for an output that teaches whether its class is repeatable: all its ancestors are."""
        own = self._ancestry.class_of(node)
        return all(one is own or self._verdict(one) == REPEATABLE for one in self._involved(node))

    def fallible_before(self, node: str, ran: set[str]) -> frozenset:
        """The ancestors of a node that ran and may be unrepeatable, by name and code."""
        classes = {self._ancestry.class_of(one) for one in with_sources(self._ancestry.prompt, [node]) & ran - {node}}
        return frozenset(self.learned(one) for one in classes if one is not None and is_fallible(one))

    def _verdict(self, node_class: NodeClass) -> str | None:
        return self._known().get(self.learned(node_class))

    def _is_listed(self, node_class: NodeClass) -> bool:
        """True for classes whose outputs are kept from the start."""
        return node_class.is_paid or (node_class.is_core and node_class.name in self._kept)

    def _involved(self, node: str) -> list[NodeClass]:
        """The classes that must be repeatable for the output of a node to be kept, with its own."""
        return [self._ancestry.class_of(node), *self._ancestry.doubtful(node)]
