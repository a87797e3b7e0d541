"""Embeddings that are only on a remote: ComfyUI finds their copies in a folder, and a prompt that names one waits for its copy."""

from __future__ import annotations

import logging
import os
import threading
import time

from .embeddings import CATEGORY, found_embeddings
from .placeholder import NoCopy
from .remotes import RemoteFolders
from .resolver import Resolver

log = logging.getLogger("autocached")

# Maximum wait of ComfyUI's event loop. The daemon copies embeddings when it lists them, so a wait is rare.
FETCH_SECONDS = 2.0
# Time for which the daemon continues, for the next try.
_WAIT_MS = 8_000


class RemoteEmbeddings:
    """Has the daemon copy embeddings that prompts name."""

    def __init__(self, remotes: RemoteFolders, resolver: Resolver):
        self._remotes = remotes
        self._resolver = resolver
        self._lock = threading.Lock()
        # By path of a placeholder: the thread that asks for its copy, and why there is none.
        self._asking: dict[str, threading.Thread] = {}
        self._why: dict[str, str] = {}

    @property
    def folders(self) -> list[str]:
        """The folders with placeholders of embeddings."""
        return self._remotes.far(CATEGORY)

    def placeholders(self, wanted: set[tuple[str, ...]]) -> dict[tuple[str, ...], str]:
        """
        The placeholders of embeddings that are on a remote. Each embedding is a tuple of names, as of `named_embeddings`. The folder of
        their copies may be new: ComfyUI knows it afterwards.
        """
        self._remotes.refresh()
        found = {names: found_embeddings(self.folders, names) for names in wanted}
        return {names: paths[0] for names, by_name in found.items() if (paths := [path for name in names for path in by_name[name]])}

    def fetch(self, places: dict[tuple[str, ...], str]) -> dict[tuple[str, ...], str]:
        """Waits a moment for copies of these placeholders. Returns why there is none yet, for each that has none."""
        if not places:
            return {}
        with self._lock:
            for path in places.values():
                if path not in self._asking:
                    self._why.pop(path, None)
                    self._asking[path] = threading.Thread(target=self._ask, args=(path,), name="autocached-fetch", daemon=True)
                    self._asking[path].start()
            asking = [self._asking[path] for path in places.values() if path in self._asking]
        until = time.monotonic() + FETCH_SECONDS
        for thread in asking:
            thread.join(max(0.0, until - time.monotonic()))
        self._remotes.refresh()
        with self._lock:
            return {
                names: "it is being copied" if path in self._asking else self._why[path]
                for names, path in places.items()
                if path in self._asking or path in self._why
            }

    def _ask(self, path: str) -> None:
        why = None
        try:
            question = {"category": CATEGORY, "name": os.path.basename(path), "client": None, "purpose": "load", "waitMs": _WAIT_MS}
            self._resolver.answer(path, question)
        except NoCopy as reason:
            why = str(reason)
        except Exception:
            why = "its copy could not be asked for"
            log.debug("autocached: no copy of %s", path, exc_info=True)
        finally:
            self._resolver.daemon.close()
            with self._lock:
                self._asking.pop(path, None)
                if why is not None:
                    self._why[path] = why
