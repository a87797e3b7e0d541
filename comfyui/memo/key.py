"""The key of a node's output."""

from __future__ import annotations

import hashlib
import json
from typing import NamedTuple

# Another form of results is another number.
_FORM = 1


class KeyParts(NamedTuple):
    hash_of_comfyui: str
    files: list
    code: list
    environment: list


def key_of(hash_of_comfyui: str, files: list, code: list, environment: list) -> str:
    """
    ComfyUI's hash stands for the classes and inputs of the node and its ancestors. It knows neither which bytes the named files have, nor
    which code runs, nor on what.
    """
    parts = json.dumps([_FORM, hash_of_comfyui, files, code, environment], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(parts.encode()).hexdigest()
