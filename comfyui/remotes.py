"""Models outside ComfyUI's own folders, on remotes and as variants: the daemon's folders of them are further model folders."""

from __future__ import annotations

import json
import logging
import os
import threading

from .daemon import Daemon
from .host import NOT_MODELS

log = logging.getLogger("autocached")

# The daemon writes them: placeholders of remotes, and smaller models made of others. They exist also while no daemon runs.
_LISTS = (os.path.join("remotes", "folders.json"), os.path.join("variants", "folders.json"))
_MOST_BYTES = 1 << 20
# Seconds between two checks for new folders.
_AGAIN_SECONDS = 5.0
# ComfyUI's text encoders open embeddings past every hook, and ignore unreadable ones: their copies are offered instead.
_ONLY_COPIES = ("embeddings",)


class RemoteFolders:
    """Adds the daemon's own folders to the model folders, as packs register theirs, and removes former ones."""

    def __init__(self, state_dir: str, daemon: Daemon, folder_paths):
        self._lists = [os.path.join(state_dir, name) for name in _LISTS]
        self._daemon = daemon
        self._folder_paths = folder_paths
        self._lock = threading.Lock()
        self._closed = threading.Event()
        self._watch = None
        # Pairs of a category and an added folder.
        self._added: set[tuple[str, str]] = set()
        # The same for folders of placeholders whose copies are offered.
        self._far: set[tuple[str, str]] = set()

    @property
    def folders(self) -> set[str]:
        """The added folders. They are no model folders of the user."""
        return {folder for _, folder in self._added}

    def added(self, category: str) -> list[str]:
        """The folders added to this category."""
        return sorted(folder for of, folder in self._added if of == category)

    def far(self, category: str) -> list[str]:
        """The folders of placeholders of this category whose copies are offered in their place."""
        return sorted(folder for of, folder in self._far if of == category)

    def holds(self, path: str | None) -> bool:
        """True for a file in one of the added folders that may be a placeholder."""
        folders = {folder for category, folder in self._added if category not in _ONLY_COPIES}
        return path is not None and any(path.startswith(os.path.join(folder, "")) for folder in folders)

    def refresh(self) -> None:
        """Adds new folders and removes former ones. Reads only local directories of the daemon. Never raises."""
        try:
            with self._lock:
                self._put(set() if self._closed.is_set() else self._wanted())
                is_listed = bool(self._added) or any(map(os.path.exists, self._lists))
                if is_listed and self._watch is None and not self._closed.is_set():
                    self._watch = threading.Thread(target=self._keep_watch, name="autocached-remotes", daemon=True)
                    self._watch.start()
        except Exception:
            log.debug("autocached: folders of remotes were not added", exc_info=True)

    def close(self) -> None:
        """Removes all added folders."""
        self._closed.set()
        self.refresh()

    def _keep_watch(self) -> None:
        while not self._closed.wait(_AGAIN_SECONDS):
            self.refresh()

    def _wanted(self) -> set[tuple[str, str]]:
        """Also notes the folders whose copies are offered in their place."""
        known = self._folder_paths.folder_names_and_paths
        wanted, far = set(), set()
        for category, folder, copies in self._listed():
            if category not in known or category in NOT_MODELS or not os.path.isdir(folder):
                continue
            if category not in _ONLY_COPIES:
                wanted.add((category, folder))
                continue
            far.add((category, folder))
            if copies is not None and os.path.isdir(copies):
                wanted.add((category, copies))
        self._far = far
        return wanted

    def _listed(self):
        """Category, path, and folder of copies of each folder; None when not given."""
        for folder in [folder for path in self._lists for folder in _folders_in(path)]:
            directory = self._here(folder["path"])
            copies = self._here(folder["copies"]) if folder.get("copies") else None
            if folder.get("category"):
                yield self._category(folder["category"]), directory, copies
                continue
            try:
                with os.scandir(directory) as entries:
                    names = [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]
            except FileNotFoundError:
                continue
            for name in names:
                yield self._category(name), os.path.join(directory, name), copies and os.path.join(copies, name)

    def _here(self, path: str) -> str:
        """The daemon's path translated to this process."""
        announced = self._daemon.announced
        return announced.here(path) if announced else path

    def _category(self, name: str) -> str:
        map_legacy = getattr(self._folder_paths, "map_legacy", None)
        return map_legacy(name) if map_legacy else name

    def _put(self, wanted: set[tuple[str, str]]) -> None:
        listed = self._folder_paths.folder_names_and_paths
        for category, folder in self._added - wanted:
            if folder in listed.get(category, ([],))[0]:
                listed[category][0].remove(folder)
            # Makes ComfyUI list the category again. Nothing is written into its list.
            getattr(self._folder_paths, "filename_list_cache", {}).pop(category, None)
        new = {(category, folder) for category, folder in wanted - self._added if folder not in listed[category][0]}
        # A folder in ComfyUI's list is known as one of ours at any time.
        self._added = (self._added & wanted) | new
        for category, folder in sorted(new):
            add = getattr(self._folder_paths, "add_model_folder_path", None)
            if add is not None:
                add(category, folder)
            else:
                listed[category][0].append(folder)
            log.info("autocached: models in %s are offered as %s", folder, category)


def _folders_in(path: str) -> list:
    try:
        with open(path, "rb") as file:
            return json.loads(file.read(_MOST_BYTES))["folders"]
    except FileNotFoundError:
        return []
