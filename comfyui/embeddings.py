"""Embeddings whose folder is away: ComfyUI looks for them in its folders itself, so that of their copies becomes one of these."""

from __future__ import annotations

import logging
import os

log = logging.getLogger("autocached")

CATEGORY = "embeddings"


class OfflineEmbeddings:
    """
    While a folder of embeddings is away, the folder that its copies lie in is a further one of the category, as packs register theirs;
    it is taken away again when the folder is back. A prompt with an embedding that is not found gives another picture and no error.
    """

    def __init__(self, folder_paths):
        self._folder_paths = folder_paths
        # The folder of copies, by the one that they stand in for.
        self._added: dict[str, str] = {}

    @property
    def folders(self) -> set[str]:
        """Those that are added now: no model folders of the user's."""
        return set(self._added.values())

    def update(self, copies: dict[str, list[str]], is_away) -> None:
        """`copies` are the paths of copies by their source; `is_away(folder)` tells that a folder has no files now."""
        entry = self._folder_paths.folder_names_and_paths.get(CATEGORY)
        if entry is None:
            return
        own = [folder for folder in list(entry[0]) if folder not in self.folders]
        wanted = {folder: _folder_of_copies(os.path.abspath(folder), copies) for folder in own if is_away(os.path.abspath(folder))}
        for folder, added in list(self._added.items()):
            if wanted.get(folder) != added:
                del self._added[folder]
                entry[0].remove(added)
        for folder, place in wanted.items():
            if place is not None and folder not in self._added and place not in entry[0]:
                self._added[folder] = place
                self._add(place)
                log.info("autocached: the folder %s is away; embeddings are loaded from their copies", folder)

    def _add(self, place: str) -> None:
        add = getattr(self._folder_paths, "add_model_folder_path", None)
        if add is not None:
            add(CATEGORY, place)
        else:
            self._folder_paths.folder_names_and_paths[CATEGORY][0].append(place)


def _folder_of_copies(folder: str, copies: dict[str, list[str]]) -> str | None:
    """Copies lie below it as their sources do below `folder`; None when there are none."""
    start = os.path.join(folder, "")
    for source, places in copies.items():
        if not source.startswith(start):
            continue
        below = os.sep + source[len(start) :]
        for place in places:
            if place.endswith(below) and os.path.isfile(place):
                return place[: -len(below)]
    return None
