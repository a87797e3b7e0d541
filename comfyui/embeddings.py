"""Embeddings of folders that are away. ComfyUI itself looks for embeddings in its folders, so the folder of copies becomes one."""

from __future__ import annotations

import logging
import os

log = logging.getLogger("autocached")

CATEGORY = "embeddings"


class OfflineEmbeddings:
    """
    While a folder of embeddings is away, the folder of its copies is a further folder of the category, as packs register theirs. It is
    removed when the folder is back. Without an embedding that it names, a prompt gives another image and no error.
    """

    def __init__(self, folder_paths):
        self._folder_paths = folder_paths
        # The folder of copies, by the folder that it replaces.
        self._added: dict[str, str] = {}

    @property
    def folders(self) -> set[str]:
        """The added folders. They are no model folders of the user."""
        return set(self._added.values())

    def update(self, copies: dict[str, list[str]], is_away) -> None:
        """`copies` maps sources to the paths of their copies. `is_away(folder)` is true for a folder without files."""
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
    """The folder in which copies have the same relative paths as their sources in `folder`. None without copies."""
    start = os.path.join(folder, "")
    for source, places in copies.items():
        if not source.startswith(start):
            continue
        below = os.sep + source[len(start) :]
        for place in places:
            if place.endswith(below) and os.path.isfile(place):
                return place[: -len(below)]
    return None
