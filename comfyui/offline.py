"""Folders that are away: their copies are in further folders of the same categories."""

from __future__ import annotations

import logging
import os
import threading

from .daemon import Daemon, Trouble
from .host import NOT_MODELS

log = logging.getLogger("autocached")

_ANSWER_SECONDS = 5.0
_PAGE = 200
# Seconds between two checks of an away folder.
AGAIN_SECONDS = 2.0


class OfflineFolders:
    """
    While a folder is away, the folder of its copies is a further folder of the category, as packs register theirs. It is removed when the
    folder is back. Lists, loaders and embeddings of texts find the copies there as they find any model.
    """

    def __init__(self, daemon: Daemon, folder_paths):
        self._daemon = daemon
        self._folder_paths = folder_paths
        self._lock = threading.Lock()
        self._thread = None
        self._watch = None
        self._closed = threading.Event()
        # By category and path of an added folder: the folder that it replaces.
        self._added: dict[tuple[str, str], str] = {}
        # Folders that have had files: when empty, they are away. A folder that never had files is just empty.
        self._filled: set[str] = set()

    @property
    def folders(self) -> set[str]:
        """The added folders. They are no model folders of the user."""
        return {place for _, place in self._added}

    def added(self, category: str) -> list[str]:
        """The folders added to this category."""
        return [place for of, place in list(self._added) if of == category]

    def holds(self, path: str | None) -> bool:
        """True for a file in one of the added folders."""
        return path is not None and any(path.startswith(os.path.join(place, "")) for place in self.folders)

    def away(self, category: str) -> list[str]:
        """The folders of a category that are empty and are known to have had files."""
        return [folder for folder in self._own(category) if folder in self._filled and is_empty(folder)]

    def refresh(self) -> None:
        """Searches for such folders in a thread, at most one at a time: a check of a hung mount may never end."""
        with self._lock:
            if self._thread is None and not self._closed.is_set():
                self._thread = threading.Thread(target=self._refresh, name="autocached-offline", daemon=True)
                self._thread.start()

    def finish(self, seconds: float) -> None:
        """Waits for the running check."""
        thread = self._thread
        if thread is not None:
            thread.join(seconds)

    def close(self) -> None:
        """Removes all added folders."""
        self._closed.set()
        self._put({})

    def _refresh(self) -> None:
        try:
            empty = self._look()
            self._put(self._wanted(empty, self._copies()) if empty else {})
            self._mend({category for category, _ in empty})
            self._keep_watch()
        except Trouble as why:
            log.debug("autocached: copies of folders that are away are not looked for: %s", why)
        except Exception:
            log.debug("autocached: folders of copies were not added", exc_info=True)
        finally:
            self._daemon.close()
            with self._lock:
                self._thread = None

    def _look(self) -> list[tuple[str, str]]:
        """Pairs of a category and a folder of it that is empty."""
        found = {}
        for category in list(self._folder_paths.folder_names_and_paths):
            for folder in () if category in NOT_MODELS else self._own(category):
                if folder not in found:
                    found[folder] = is_empty(folder)
        self._filled.update(folder for folder, empty in found.items() if not empty)
        names = list(self._folder_paths.folder_names_and_paths)
        return [(category, folder) for category in names for folder in self._own(category) if found.get(folder)]

    def _copies(self) -> dict[str, list[str]]:
        """The paths of copies on the SSD, by source. Notes the folders that are away for the daemon, too."""
        here = self._daemon.announcement().here
        for root in self._daemon.get("/api/roots", _ANSWER_SECONDS).get("roots", ()):
            if root.get("health") == "away":
                self._filled.add(here(root["path"]))
        found: dict[str, list[str]] = {}
        offset, total = 0, 1
        while offset < total:
            route = "/api/cache/entries?cached=true&limit=%d&offset=%d" % (_PAGE, offset)
            page = self._daemon.get(route, _ANSWER_SECONDS)
            for entry in page["entries"]:
                ready = [copy for copy in entry.get("copies", ()) if copy["state"] == "ready" and copy["tier"] == "ssd"]
                found[here(entry["path"])] = [here(copy["path"]) for copy in ready]
            offset, total = offset + _PAGE, page["total"]
        return found

    def _wanted(self, empty: list[tuple[str, str]], copies: dict[str, list[str]]) -> dict[tuple[str, str], str]:
        places = {folder: _folders_of_copies(folder, copies) for folder in {folder for _, folder in empty}}
        self._filled.update(folder for folder, found in places.items() if found)
        return {(category, place): folder for category, folder in empty for place in sorted(places[folder])}

    def _put(self, wanted: dict[tuple[str, str], str]) -> None:
        """Adds and removes folders, so that exactly these replace folders that are away."""
        listed = self._folder_paths.folder_names_and_paths
        with self._lock:
            for key in self._added.keys() - wanted.keys():
                self._take_away(*key)
            kept = {key: folder for key, folder in self._added.items() if key in wanted}
            new = {key: folder for key, folder in wanted.items() if key not in kept and key[1] not in listed[key[0]][0]}
            # A folder in ComfyUI's list is known as one of ours at any time.
            self._added = {**kept, **new}
            for (category, place), folder in new.items():
                self._add(category, place)
                log.info("autocached: the folder %s is away; its copies are offered as %s", folder, category)

    def _add(self, category: str, place: str) -> None:
        add = getattr(self._folder_paths, "add_model_folder_path", None)
        if add is not None:
            add(category, place)
        else:
            self._folder_paths.folder_names_and_paths[category][0].append(place)

    def _take_away(self, category: str, place: str) -> None:
        folders = self._folder_paths.folder_names_and_paths.get(category, ([],))[0]
        if place in folders:
            folders.remove(place)
        self._forget_list(category)

    def _mend(self, categories: set[str]) -> None:
        """Makes ComfyUI list categories again: it fails on a folder that it has listed and that is gone, such as after an eviction."""
        for category in categories:
            kept = getattr(self._folder_paths, "filename_list_cache", {}).get(category)
            if kept and not all(os.path.isdir(folder) for folder in list(kept[1])):
                self._forget_list(category)

    def _forget_list(self, category: str) -> None:
        """Makes ComfyUI list the folders of the category again. Nothing is written into its list."""
        getattr(self._folder_paths, "filename_list_cache", {}).pop(category, None)

    def _own(self, category: str) -> list[str]:
        folders = list(self._folder_paths.folder_names_and_paths.get(category, ([],))[0])
        return [os.path.abspath(folder) for folder in folders if (category, folder) not in self._added]

    def _keep_watch(self) -> None:
        with self._lock:
            if self._added and self._watch is None and not self._closed.is_set():
                self._watch = threading.Thread(target=self._await_return, name="autocached-away", daemon=True)
                self._watch.start()

    def _await_return(self) -> None:
        """Removes added folders as soon as the original folders are back, also without a prompt."""
        while not self._closed.wait(AGAIN_SECONDS):
            try:
                back = [key for key, folder in list(self._added.items()) if not is_empty(folder)]
                with self._lock:
                    for key in back:
                        if key in self._added:
                            self._take_away(*key)
                            del self._added[key]
                self._mend({category for category, _ in list(self._added)})
            except Exception:
                log.debug("autocached: a folder of copies was not taken away", exc_info=True)
            with self._lock:
                if not self._added:
                    self._watch = None
                    break


def is_empty(folder: str) -> bool:
    """True for an empty or missing folder: an unmounted share leaves that."""
    try:
        with os.scandir(folder) as found:
            return next(found, None) is None
    except OSError:
        return True


def _folders_of_copies(folder: str, copies: dict[str, list[str]]) -> set[str]:
    """The folders in which copies have the same relative paths as their sources in `folder`."""
    start = os.path.join(folder, "")
    found = set()
    for source, places in copies.items():
        if source.startswith(start):
            below = os.sep + source[len(start) :]
            found.update(place[: -len(below)] for place in places if place.endswith(below) and os.path.isfile(place))
    return found
