"""Names of cached models whose folder is away: ComfyUI keeps offering them and accepts prompts with them."""

from __future__ import annotations

import logging
import os
import threading

from .daemon import Daemon, Trouble
from .embeddings import OfflineEmbeddings

log = logging.getLogger("autocached")

_ANSWER_SECONDS = 5.0
_PAGE = 200


class OfflineNames:
    """
    ComfyUI caches the list of files of each category until a folder of it changes. The names are added to that list, and no function of
    ComfyUI is changed. ComfyUI itself lists a folder again as soon as it is back.
    """

    def __init__(self, daemon: Daemon, folder_paths):
        self._daemon = daemon
        self._folder_paths = folder_paths
        self._lock = threading.Lock()
        self._thread = None
        self.embeddings = OfflineEmbeddings(folder_paths)

    def refresh(self) -> None:
        """Looks for such names in a thread, at most one at a time: ComfyUI's listing of a hung mount may never end."""
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._refresh, name="autocached-offline", daemon=True)
                self._thread.start()

    def _refresh(self) -> None:
        try:
            copies = self._copies()
            self.embeddings.update(copies, _is_away)
            cached = list(copies)
            for category in list(self._folder_paths.folder_names_and_paths) if cached else ():
                self._add(category, cached)
        except Trouble as why:
            log.debug("autocached: names of cached models are not looked for: %s", why)
        except Exception:
            log.debug("autocached: names of cached models were not added", exc_info=True)
        finally:
            self._daemon.close()
            with self._lock:
                self._thread = None

    def _copies(self) -> dict[str, list[str]]:
        """The paths of copies on the SSD, by source."""
        found: dict[str, list[str]] = {}
        offset, total = 0, 1
        while offset < total:
            route = "/api/cache/entries?cached=true&limit=%d&offset=%d" % (_PAGE, offset)
            page = self._daemon.get(route, _ANSWER_SECONDS)
            here = self._daemon.announcement().here
            for entry in page["entries"]:
                ready = [copy for copy in entry.get("copies", ()) if copy["state"] == "ready" and copy["tier"] == "ssd"]
                found[here(entry["path"])] = [here(copy["path"]) for copy in ready]
            offset, total = offset + _PAGE, page["total"]
        return found

    def _add(self, category: str, cached: list[str]) -> None:
        own = self._folder_paths
        folders, extensions = own.folder_names_and_paths[category]
        names = {name for folder in folders for name in _names_below(os.path.abspath(folder), cached)}
        names = set(own.filter_files_extensions(names, extensions))
        if not names or names <= self._listed(category):
            return
        listed, times, at = own.get_filename_list_(category)
        own.filename_list_cache[category] = (sorted(names.union(listed)), times, at)
        log.info("autocached: a folder of %s is away; its %d cached models stay in the list", category, len(names))

    def _listed(self, category: str) -> set[str]:
        try:
            kept = self._folder_paths.cached_filename_list_(category)
        except OSError:
            # ComfyUI fails on a folder that it has listed and that is gone. A new list mends that.
            return set()
        return set(kept[0]) if kept else set()


def _names_below(folder: str, cached: list[str]) -> list[str]:
    """Names of cached files of a folder that is away. Files deleted from a folder that is there stay deleted."""
    start = os.path.join(folder, "")
    names = [path[len(start) :] for path in cached if path.startswith(start)]
    return names if names and _is_away(folder) else []


def _is_away(folder: str) -> bool:
    """An unmounted share leaves an empty folder or none."""
    try:
        with os.scandir(folder) as found:
            return next(found, None) is None
    except OSError:
        return True
