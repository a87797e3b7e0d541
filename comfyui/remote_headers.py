"""ComfyUI's page about a model reads the header of its file. That of a model on a remote comes from the daemon."""

from __future__ import annotations

import json
import logging
import os
import struct
import tempfile
import threading
from typing import BinaryIO
from urllib.parse import quote

from .daemon import Daemon, Trouble

log = logging.getLogger("autocached")

# The page is answered on ComfyUI's event loop: a later header is ready for the next request.
WAIT_SECONDS = 0.5
_ANSWER_SECONDS = 30.0
_MOST_BYTES = 32 << 20
_MOST_KEPT = 50


class RemoteHeaders:
    """Files with only the header of a safetensors file, which no loader accepts as a model."""

    def __init__(self, daemon: Daemon):
        self._daemon = daemon
        self._lock = threading.Lock()
        # By path and time: the header as bytes of such a file. None while it is requested.
        self._known: dict[tuple[str, int], bytes | None] = {}
        # The last one that was handed out. ComfyUI reads it before it asks for another.
        self._file: BinaryIO | None = None

    def file_for(self, path: str) -> str | None:
        """The path of a file with the header of the model that `path` stands for. None when it is not known yet. Never raises."""
        try:
            key = (path, os.stat(path).st_mtime_ns)
            with self._lock:
                asks = key not in self._known
                if asks:
                    self._known[key] = None
                    for oldest in list(self._known)[:-_MOST_KEPT]:
                        del self._known[oldest]
            if asks:
                asking = threading.Thread(target=self._ask, args=(key,), name="autocached-header", daemon=True)
                asking.start()
                asking.join(WAIT_SECONDS)
            header = self._known.get(key)
            return None if header is None else self._written(header)
        except Exception:
            log.debug("autocached: there is no header for %s", path, exc_info=True)
            return None

    def _ask(self, key: tuple[str, int]) -> None:
        header = None
        try:
            announced = self._daemon.announcement()
            route = "/api/remote/header?path=" + quote(announced.there(key[0]), safe="")
            answer = self._daemon.post(route, None, _ANSWER_SECONDS, _MOST_BYTES)
            text = json.dumps(answer["header"]).encode("utf-8")
            header = struct.pack("<Q", len(text)) + text
        except (Trouble, KeyError) as why:
            log.info("autocached: the header of %s could not be read: %s", os.path.basename(key[0]), why)
        finally:
            self._daemon.close()
            with self._lock:
                if header is None:
                    self._known.pop(key, None)
                else:
                    self._known[key] = header

    def _written(self, header: bytes) -> str:
        if self._file is not None:
            self._file.close()
        self._file = tempfile.NamedTemporaryFile(prefix="autocached-header-", suffix=".safetensors")
        self._file.write(header)
        self._file.flush()
        return self._file.name
