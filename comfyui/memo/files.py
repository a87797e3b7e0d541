"""Files that the inputs of nodes name: models, embeddings, and uploads."""

from __future__ import annotations

import hashlib
import os
import re
import sys

from ..embeddings import CATEGORY as EMBEDDINGS
from ..embeddings import found_embeddings, named_embeddings
from ..host import NOT_MODELS

# A name with an ending, followed by ComfyUI's note of the folder.
_NAME = re.compile(r"([^\r\n\0]{1,255}\.\w{1,16})(?: \[(input|output|temp)\])?")

# In place of the name of a file: the state of a category changes when it has other names.
ALL_NAMES = ""


class Files:
    """`own(category, name)` is ComfyUI's path of a model file, or None. Reads the disk; the caller keeps the results."""

    def __init__(self, folder_paths, own):
        self._folder_paths = folder_paths
        self._own = own
        # The categories that have a file of a name. A name in none is searched again only when a node has opened it.
        self._categories: dict[str, list[str]] = {}

    def named_in(self, inputs: dict, is_hashed: bool) -> list[list]:
        """
        Every file that a string in the inputs of a node may name, as [category, name, state]. With `is_hashed` uploaded files do not
        count: ComfyUI's key has the hash of their bytes.
        """
        found = []
        for text in _strings(inputs):
            match = _NAME.fullmatch(text)
            if match:
                found += ([category, text, self.state(category, text)] for category in self._categories_of(text))
                if not is_hashed:
                    found += self._uploaded(text, *match.groups())
        for names in sorted(named_embeddings({"inputs": inputs})):
            found += self._embedding(names)
        return found

    def path(self, category: str, name: str) -> str | None:
        """ComfyUI's path of a model; None for other files."""
        is_model = category in self._folder_paths.folder_names_and_paths and category != EMBEDDINGS and name != ALL_NAMES
        return self._own(category, name) if is_model else None

    def state(self, category: str, name: str) -> list | None:
        """The state of a file, which changes when it is replaced or written to; None when it does not exist."""
        if name == ALL_NAMES:
            names = self._folder_paths.get_filename_list(category)
            return [hashlib.sha256("\0".join(names).encode("utf-8", "surrogateescape")).hexdigest()]
        return _state(self._own(category, name))

    def opened(self, name: str) -> None:
        """A node has opened a file of this name."""
        if not self._categories.get(name, True):
            del self._categories[name]

    def _categories_of(self, name: str) -> list[str]:
        known = self._categories.get(name)
        if known is None:
            everywhere = [category for category in list(self._folder_paths.folder_names_and_paths) if category not in NOT_MODELS]
            known = self._categories[name] = [category for category in everywhere if self._own(category, name)]
        return known

    def _uploaded(self, text: str, name: str, note: str | None) -> list[list]:
        folder = getattr(self._folder_paths, "get_%s_directory" % (note or "input"), None)
        if folder is None:
            return []
        within = os.path.abspath(folder())
        path = os.path.abspath(os.path.join(within, name))
        state = _state(path) if path.startswith(os.path.join(within, "")) else None
        return [["[%s]" % (note or "input"), text, state]] if state else []

    def _embedding(self, names: tuple[str, ...]) -> list[list]:
        """The states of all files that each name may mean; without a file only the likeliest name counts."""
        folders = self._folder_paths.folder_names_and_paths.get(EMBEDDINGS, ([],))[0]
        found = found_embeddings(list(folders), names)
        return [[EMBEDDINGS, name, [_state(path) for path in found[name]]] for name in names if found[name] or name == names[0]]


def _state(path: str | None) -> list | None:
    """The ctime counts too, because programs can restore the mtime. On Windows it is the time of creation."""
    try:
        found = os.stat(path) if path else None
    except OSError:
        found = None
    return found and [found.st_size, str(found.st_mtime_ns), None if sys.platform == "win32" else str(found.st_ctime_ns)]


def _strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list, tuple)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _strings(one)
