"""The key of each node's output in a prompt, or none when the influences on the output are uncertain."""

from __future__ import annotations

import contextlib
import logging
import threading

from .ancestry import Ancestry
from .classes import NodeClass
from .code import Code
from .environment import describe
from .key import KeyParts, key_of

log = logging.getLogger("autocached")


class Identity:
    """The facts of the whole run of ComfyUI: its code and environment."""

    def __init__(self, code: Code):
        self._code = code
        self._lock = threading.Lock()
        self._environment: list | None = None
        self._is_unknown = False

    def learn(self) -> None:
        """Begins to read the code, and reads the rest. Takes some 0.1 s. ComfyUI's flags and device are known once its nodes load."""
        self._code.read()
        with contextlib.suppress(Exception), self._lock:
            self._environment = describe()

    def key(self, ancestry: Ancestry, node: str, hash_of_comfyui: str, is_strict: bool) -> str | None:
        """None when the output must be neither looked up nor kept."""
        parts = self.parts(ancestry, node, hash_of_comfyui, is_strict)
        return parts and key_of(*parts)

    def parts(self, ancestry: Ancestry, node: str, hash_of_comfyui: str, is_strict: bool) -> KeyParts | None:
        """The parts of the key; as `key`."""
        environment = self._described()
        if environment is None or not ancestry.is_understood(node):
            return None
        code = [[pack, self._code.of(pack, is_strict)] for pack in (None, *ancestry.packs(node))]
        if any(one is None for _, one in code):
            return None
        return KeyParts(hash_of_comfyui, ancestry.files(node), code, environment)

    def code_of(self, node_class: NodeClass, is_strict: bool) -> str:
        """The identity of the code that a class is in."""
        return self._code.of(node_class.pack, is_strict) or ""

    def _described(self) -> list | None:
        with self._lock:
            if self._environment is None and not self._is_unknown:
                try:
                    self._environment = describe()
                except Exception:
                    self._is_unknown = True
                    log.info("autocached: what ComfyUI runs on is not known; outputs of its nodes are not kept")
            return self._environment
