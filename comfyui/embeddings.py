"""Embeddings that the texts of a prompt name. ComfyUI ignores a missing embedding, and silently makes another image."""

from __future__ import annotations

import logging
import os
import re
import sys
import threading

from .offline import OfflineFolders

log = logging.getLogger("autocached")

CATEGORY = "embeddings"
# ComfyUI takes a bracket of the name as `\(`, and skips blanks before the name. Text up to the next blank or bracket may be part
# of the name as well.
_NAMED = re.compile(r"(?<!\w)embedding:\s*,*((?:\\[()]|[^\s,()<>{}|])+)(?=((?:\\[()]|[^\s()]){0,255}))")
_WEIGHT = re.compile(r":[-+\w.]*$")
_BRACKET = re.compile(r"\\([()])")
_ENDINGS = ("", ".safetensors", ".pt", ".bin")
# Maximum waits of ComfyUI's event loop: for a check of the folders, and for the daemon's list of copies.
LOOK_SECONDS = 0.25
COPIES_SECONDS = 1.0


class AnyType(str):
    """A type that equals the type of every input."""

    def __ne__(self, other):
        return False

    __hash__ = str.__hash__


class AutocachedRefusal:
    """Replaces a node whose text names a missing embedding: ComfyUI's validation refuses it with the reason."""

    CATEGORY = "loaders"
    DEPRECATED = True
    RETURN_TYPES = (AnyType("*"),) * 32
    FUNCTION = "refuse"

    @classmethod
    def INPUT_TYPES(cls):
        return {"required": {"autocached": ("STRING", {"default": ""})}}

    @classmethod
    def VALIDATE_INPUTS(cls, autocached):
        return autocached

    def refuse(self, autocached):
        raise FileNotFoundError(autocached)


class _Folders(list):
    """
    The folders of embeddings. A text encoder keeps a slice of them from its loading, and looks there for embeddings as long as it stays
    loaded. So a slice also leads to the folders that are added for the time of an outage; `added()` lists them.
    """

    def __init__(self, folders, added):
        super().__init__(folders)
        self._added = added

    def __getitem__(self, index):
        found = super().__getitem__(index)
        return _Folders((folder for folder in found if folder not in self._added()), self._added) if isinstance(index, slice) else found

    def __iter__(self):
        yield from super().__iter__()
        yield from (folder for folder in self._added() if folder not in self)


class Embeddings:
    """
    Refuses prompts with embeddings that ComfyUI will not find: embeddings without a copy while a folder of embeddings is away, and those of
    a remote whose copy does not come in time.
    """

    def __init__(self, folder_paths, offline: OfflineFolders, remotes, far):
        """`remotes` is a RemoteFolders, `far` a RemoteEmbeddings."""
        self._folder_paths = folder_paths
        self._offline = offline
        self._far = far
        self._looking = None
        entry = folder_paths.folder_names_and_paths.get(CATEGORY)
        if entry is not None:
            followed = _Folders(entry[0], lambda: [*offline.added(CATEGORY), *remotes.added(CATEGORY)])
            folder_paths.folder_names_and_paths[CATEGORY] = (followed, *entry[1:])

    def checked(self, prompt: dict) -> dict:
        """The prompt itself, or one in which nodes with missing embeddings are replaced. Called on ComfyUI's event loop."""
        away = self._within(LOOK_SECONDS, lambda: self._offline.away(CATEGORY))
        if not away and not self._far.folders:
            return prompt
        named = {node: names for node, names in ((node, named_embeddings(prompt[node])) for node in prompt) if names}
        missing = self._still_missing(set().union(*named.values()))
        if missing and away:
            # Their copies may not be known yet.
            self._offline.refresh()
            self._offline.finish(COPIES_SECONDS)
            missing = self._still_missing(missing)
        why = self._why(missing, away) if missing else {}
        classes = getattr(sys.modules.get("nodes"), "NODE_CLASS_MAPPINGS", None)
        if not why or classes is None:
            return prompt
        classes.setdefault(AutocachedRefusal.__name__, AutocachedRefusal)
        refused = dict(prompt)
        for node, names in named.items():
            reasons = sorted({why[name] for name in names if name in why})
            if reasons:
                log.warning("autocached: a prompt is refused: %s", "; ".join(reasons))
                refused[node] = {**prompt[node], "class_type": AutocachedRefusal.__name__, "inputs": {"autocached": "; ".join(reasons)}}
        return refused

    def _why(self, missing: set[tuple[str, ...]], away: list[str] | None) -> dict[tuple[str, ...], str]:
        """Reasons to refuse a prompt, by embedding. Those of remotes are copied now."""
        placeholders = self._far.placeholders(missing)
        still = self._still_missing(placeholders.keys())
        reasons = self._far.fetch({names: placeholders[names] for names in still})
        lost = self._still_missing(still - reasons.keys())
        reasons.update((names, "its copy is not among the others") for names in lost)
        why = {names: _why_far(names[0], reason) for names, reason in reasons.items()}
        if away:
            why.update((names, _why_away(names[0], away[0])) for names in missing if names not in placeholders)
        return why

    def _within(self, seconds: float, look):
        """The result of `look`. None when a folder does not answer in time, and while an earlier look still waits."""
        found = []
        if self._looking is None or not self._looking.is_alive():
            self._looking = threading.Thread(target=lambda: found.append(look()), name="autocached-embeddings", daemon=True)
            self._looking.start()
            self._looking.join(seconds)
        return found[0] if found else None

    def _still_missing(self, wanted) -> set[tuple[str, ...]]:
        """The embeddings that are in no folder that answers in time."""
        return self._within(LOOK_SECONDS, lambda: self._missing(wanted)) or set() if wanted else set()

    def _missing(self, wanted: set[tuple[str, ...]]) -> set[tuple[str, ...]]:
        """The embeddings without a name in any folder. ComfyUI searches subfolders, too."""
        missing = set(wanted)
        for folder in list(self._folder_paths.folder_names_and_paths.get(CATEGORY, ([],))[0]):
            for at, _, _ in os.walk(folder, followlinks=True) if missing else ():
                missing -= {names for names in missing if any(_is_in(at, name) for name in names)}
        return missing


def named_embeddings(node) -> set[tuple[str, ...]]:
    """The embeddings in the texts of a node, each with all names that ComfyUI may take the text for, most likely first."""
    texts = _texts(node.get("inputs")) if isinstance(node, dict) else ()
    return {names for text in texts for found, rest in _NAMED.findall(text) if (names := _names(found, found + rest))}


def _texts(value):
    if isinstance(value, str):
        if "embedding:" in value:
            yield value
    elif isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            yield from _texts(one)


def _names(*texts: str) -> tuple[str, ...]:
    """Names with a weight, without it and as names that look so."""
    written = [_BRACKET.sub(r"\1", text.rstrip(",")).replace("\\", "/") for text in texts]
    return tuple(dict.fromkeys(name for text in written for name in (_WEIGHT.sub("", text), text) if name))


def found_embeddings(folders: list[str], names: tuple[str, ...]) -> dict[str, list[str]]:
    """All files that each of an embedding's names may stand for."""
    places = [at for folder in folders for at, _, _ in os.walk(folder, followlinks=True)]
    return {name: sorted(path for at in places for path in _files(at, name)) for name in names}


def _is_in(folder: str, name: str) -> bool:
    return any(_files(folder, name))


def _files(folder: str, name: str):
    candidates = (os.path.join(folder, name + ending) for ending in _ENDINGS)
    return (path for path in candidates if os.path.isfile(path))


def _why_away(name: str, folder: str) -> str:
    return (
        "the text names the embedding %s, which is not found: its folder %s is away, and there is no copy. Connect the drive or the "
        "share, or take embedding:%s out of the text; ComfyUI would leave it out and make another picture." % (name, folder, name)
    )


def _why_far(name: str, reason: str) -> str:
    return (
        "the text names the embedding %s, which lies on a remote only: %s. Send the prompt again in a moment, or take embedding:%s out "
        "of the text; ComfyUI would leave it out and make another picture." % (name, reason, name)
    )
