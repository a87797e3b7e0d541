"""A node's ancestors: whether everything that decides its output is known, and the files that do."""

from __future__ import annotations

from ..graph import inputs_of, sources, with_sources
from .classes import HASHED_BY_COMFYUI, NodeClass
from .files import ALL_NAMES, Files
from .opened import OpenedFiles
from .signature import Signatures


class Ancestry:
    """
    Of the nodes of one prompt. With `may_be_repeatable` custom nodes that make data are understood too, if they are seen to be repeatable.
    """

    def __init__(self, prompt: dict, files: Files, opened: OpenedFiles, may_be_repeatable: bool = False):
        self.prompt = prompt
        self._files = files
        self._opened = opened
        self._may_be_repeatable = may_be_repeatable
        self._signatures = Signatures(prompt)
        self._classes: dict[str, NodeClass | None] = {}
        self._named: dict[str, list[list]] = {}

    def class_of(self, node: str) -> NodeClass | None:
        """None for a class that is not known or malformed."""
        name = self.prompt[node].get("class_type")
        if name not in self._classes:
            try:
                self._classes[name] = NodeClass(name)
            except Exception:
                self._classes[name] = None
        return self._classes[name]

    def signature(self, node: str) -> str:
        return self._signatures.of(node)

    def packs(self, node: str) -> list[str]:
        """The packs of custom nodes of the node and its ancestors."""
        return sorted({self.class_of(one).pack for one in with_sources(self.prompt, [node])} - {None})

    def is_understood(self, node: str) -> bool:
        """
        False when anything except inputs, files and code may decide the output: random numbers, the whole prompt, a class of custom
        nodes that makes data in unknown ways. Classes that only load or change models are trusted. A service gives another output each
        time: it is kept, but no output that depends on it.
        """
        ancestors = with_sources(self.prompt, [node])
        return all(map(self._is_fixed, ancestors)) and not any(self.class_of(one).is_paid for one in ancestors if one != node)

    def doubtful(self, node: str) -> list[NodeClass]:
        """The classes of custom nodes that make data, of the node and its ancestors."""
        found = {self.class_of(one) for one in with_sources(self.prompt, [node])}
        return [one for one in found if one.pack is not None and not one.is_only_live]

    def files(self, node: str) -> list[list]:
        """The files that the node and its ancestors name, as [category, name, state], in a fixed order."""
        found = {repr(file): file for one in with_sources(self.prompt, [node]) for file in self._named_by(one)}
        return [found[key] for key in sorted(found)]

    def unnamed(self, node: str) -> list[list] | None:
        """
        The files that ancestors have opened without naming them, as `files`. None when the files of the output are uncertain: a model without
        a known file, or a file that has changed while this process had some of it in memory.
        """
        extra: dict[tuple, list] = {}
        seen, waiting = set(), [node]
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            restored = self._opened.restored(self.signature(one)) if one != node else None
            if restored is None:
                found = self._unnamed_by(one)
                waiting += sources(self.prompt[one])
            else:
                # Its ancestors did not run; it was made of the files that they name.
                found = restored[1] if restored[0] == self.files(one) else None
            if found is None or not all(state == self._files.state(category, name) for category, name, state in found):
                return None
            extra.update({(category, name): state for category, name, state in found})
        return [[category, name, state] for (category, name), state in sorted(extra.items())]

    def _unnamed_by(self, node: str) -> list[list] | None:
        named = self._named_by(node)
        if self._look(node) != named:
            return None
        opened = self._opened.by(self.signature(node))
        if self.class_of(node).is_live and not opened and not self._has_live_source(node):
            return None
        unnamed = [[*file, self._files.state(*file)] for file in opened - {(category, name) for category, name, _ in named}]
        for category in {category for category, _, _ in unnamed}:
            # Such a node chooses among the present files.
            unnamed.append([category, ALL_NAMES, self._files.state(category, ALL_NAMES)])
        is_certain = all(state is not None and self._opened.is_unchanged(category, name, state) for category, name, state in unnamed)
        return unnamed if is_certain and all(self._opened.is_unchanged(*file) for file in named) else None

    def _is_fixed(self, node: str) -> bool:
        found = self.class_of(node)
        if found is None or (found.sees_prompt and not found.is_output):
            return False
        if found.is_core:
            return found.is_repeatable_core
        return found.pack is not None and (found.is_only_live or self._may_be_repeatable)

    def _named_by(self, node: str) -> list[list]:
        if node not in self._named:
            self._named[node] = self._look(node)
            for file in self._named[node]:
                self._opened.see(*file)
        return self._named[node]

    def _look(self, node: str) -> list[list]:
        return self._files.named_in(inputs_of(self.prompt[node]), self.prompt[node].get("class_type") in HASHED_BY_COMFYUI)

    def _has_live_source(self, node: str) -> bool:
        found = (self.class_of(source) for source in sources(self.prompt[node]) if source in self.prompt)
        return any(one is not None and one.is_live for one in found)
