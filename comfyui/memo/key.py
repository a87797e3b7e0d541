"""The key of a node's output."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

# Changes with the form of results.
_FORM = 1


class KeyParts(NamedTuple):
    hash_of_comfyui: str
    files: list
    code: list
    environment: list


def key_of(hash_of_comfyui: str, files: list, code: list, environment: list) -> str:
    """
    ComfyUI's hash covers the classes and inputs of the node and its ancestors. It covers neither the bytes of the named files, nor the
    code and environment.
    """
    parts = json.dumps([_FORM, hash_of_comfyui, files, code, environment], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(parts.encode()).hexdigest()
