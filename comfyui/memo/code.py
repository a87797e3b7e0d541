"""The code that computes a result: that of ComfyUI, and of the packs of custom nodes involved."""

from __future__ import annotations

import hashlib
import logging
import os
import re
import sys
import threading
import time

from .classes import PAID_PACK

log = logging.getLogger("autocached")

_CORE = ("comfy", "comfy_extras", "comfy_execution", "comfy_api")
_ENDINGS = (".py", ".json", ".txt", ".yaml", ".so", ".pyd")
# Tokenizers are among them. Larger files are no code.
_MOST_BYTES = 32 << 20
_VERSION = re.compile(r'^version\s*=\s*"([^"]+)"', re.M)


class Code:
    """
    Hashes of files as ComfyUI loaded them. They are read once, in a thread: a file that is edited while ComfyUI runs is not the running
    code. `began` is the time of the start of ComfyUI in s.
    """

    def __init__(self, folder_paths, began: float, clock=time.time):
        self._folder_paths = folder_paths
        self._began_ns = int(began * 1e9)
        self._clock = clock
        self._root = os.path.dirname(os.path.abspath(folder_paths.__file__))
        self._hashes: dict[str | None, str | None] = {}
        self._versions: dict[str | None, str | None] = {}
        self._reader: threading.Thread | None = None

    def read(self) -> None:
        """Begins to read. Once."""
        if self._reader is None:
            self._reader = threading.Thread(target=self._read, name="autocached-code", daemon=True)
            self._reader.start()

    def of(self, pack: str | None, strict: bool = True) -> str | None:
        """
        The identity of a pack, or of ComfyUI for None; unless `strict`, by its version if it has one. None when the running code is unknown.
        Waits for the reader.
        """
        self.read()
        self._reader.join()
        version = None if strict else self._versions.get(pack)
        return "version " + version if version else self._hashes.get(pack)

    def _read(self) -> None:
        try:
            self._hashes[None] = self._hash([os.path.join(self._root, name) for name in (*_CORE, *self._top())])
            self._versions[None] = getattr(sys.modules.get("comfyui_version"), "__version__", None)
            for pack, path in self._packs().items():
                self._hashes[pack] = self._hash([path])
                self._versions[pack] = self._versions[None] if pack == PAID_PACK else _version(path)
        except Exception:
            log.debug("autocached: the code of ComfyUI cannot be read", exc_info=True)

    def _top(self) -> list[str]:
        return [name for name in sorted(os.listdir(self._root)) if name.endswith(".py")]

    def _packs(self) -> dict[str, str]:
        """Packs by the names that ComfyUI gives to their modules."""
        paid = os.path.join(self._root, PAID_PACK)
        found = {PAID_PACK: paid} if os.path.isdir(paid) else {}
        for folder in self._folder_paths.get_folder_paths("custom_nodes"):
            for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else ():
                path = os.path.join(folder, name)
                key = name if os.path.isdir(path) else os.path.splitext(name)[0]
                # Of two packs with the same name ComfyUI does not report which one a class belongs to.
                found[key] = "" if key in found else path
        return {key: path for key, path in found.items() if path}

    def _hash(self, paths: list[str]) -> str | None:
        digest = hashlib.blake2b(digest_size=32)
        now_ns = int(self._clock() * 1e9)
        for path in paths:
            for file in _files(path):
                found = os.stat(file)
                if self._began_ns < found.st_mtime_ns <= now_ns:
                    log.info("autocached: %s has changed since ComfyUI began to start; its nodes' outputs are not kept", file)
                    return None
                if found.st_size > _MOST_BYTES:
                    continue
                with open(file, "rb") as content:
                    data = content.read()
                digest.update(("%s\0%d\0" % (os.path.relpath(file, os.path.dirname(path)), len(data))).encode("utf-8", "surrogateescape"))
                digest.update(data)
        return digest.hexdigest()


def _version(path: str) -> str | None:
    """The version that a pack declares."""
    try:
        with open(os.path.join(path, "pyproject.toml"), encoding="utf-8") as text:
            found = _VERSION.search(text.read())
    except (OSError, UnicodeDecodeError):
        return None
    return found and found.group(1)


def _files(path: str):
    """Files of code at or below a path, in a fixed order."""
    if os.path.isfile(path):
        yield path
        return
    for at, folders, names in os.walk(path, followlinks=True):
        folders[:] = sorted(name for name in folders if name not in ("__pycache__", "node_modules") and not name.startswith("."))
        yield from (os.path.join(at, name) for name in sorted(names) if name.endswith(_ENDINGS))
