"""
Converts results to the daemon's form and back. They are read back as data: a closed list of types, no pickle. Bytes, files, arrays and
tensors are blobs; around them is JSON, in which `{"$py": type, "value": …}` represents types that JSON lacks.
"""

from __future__ import annotations

import json
import math
import os
import pathlib
from typing import Callable, Optional, Union

from . import arrays
from .hashing import file_sha256, sha256_of
from .pieces import Pieces


# Bytes in memory, or the file that has them.
Content = Union[bytes, Pieces, pathlib.Path]

BYTES = "application/octet-stream"
ARRAY = "application/x-npy"
TENSOR = "application/vnd.autocached.tensor"
TENSORS = "application/vnd.safetensors"
# The first of several files: JSON too long for a row. The others are its blobs.
LONG_JSON = "application/vnd.autocached.json"

# The daemon takes 1 MiB.
_MOST_JSON_BYTES = 1_000_000
# The daemon has a limit of 200, of which a level here takes up to three.
_MOST_LEVELS = 60


class Unstorable(ValueError):
    """A result of a type that cannot be stored."""


class Encoder:
    """
    `fields` of the request that stores a result, and the contents of its `blobs` that are still to be sent, by SHA-256. `fill(content)`
    gives a large content to the daemon in a file, without sending it, and answers the name of the file, or None; `take(name)` makes the file
    a blob and answers its SHA-256, or None. A result of a single content is put by the file's name. Raises Unstorable.
    """

    def __init__(
        self,
        result,
        fill: Callable[[Content], Optional[str]] = lambda _: None,
        take: Callable[[str], Optional[str]] = lambda _: None,
    ):
        self.blobs: dict[str, Content] = {}
        self._fill = fill
        self._take = take
        # All blobs, in order.
        self._names: list[str] = []
        try:
            self.fields = self._fields(result)
        except (ValueError, OSError, RecursionError) as why:
            raise Unstorable(str(why)) from why

    def _fields(self, result) -> dict:
        if type(result) is bytes:
            return self._whole(result, BYTES)
        if isinstance(result, pathlib.Path):
            return {"files": [self._file(result)]}
        if arrays.is_array(result):
            return self._whole(arrays.array_pieces(result), ARRAY)
        if arrays.is_tensor(result):
            return self._whole(arrays.tensors_pieces({"tensor": result}), TENSOR)
        if type(result) is dict and result and all(type(k) is str and arrays.is_tensor(v) for k, v in result.items()):
            return self._whole(arrays.tensors_pieces(result), TENSORS)
        value = self._json(result, 0)
        text = json.dumps(value, allow_nan=False).encode()
        if len(text) <= _MOST_JSON_BYTES:
            return {"value": value}
        first = {"name": "value.json", "sha256": self._blob(text), "contentType": LONG_JSON}
        return {"files": [first, *({"name": name, "sha256": name} for name in dict.fromkeys(self._names) if name != first["sha256"])]}

    def _json(self, value, level: int):
        kind = type(value)
        if level > _MOST_LEVELS:
            raise Unstorable("it has more than %d levels" % _MOST_LEVELS)
        if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
            return value
        if kind is float:
            return _typed("float", repr(value))
        if kind is list:
            return [self._json(item, level + 1) for item in value]
        if kind is tuple:
            return _typed("tuple", [self._json(item, level + 1) for item in value])
        if kind is dict and all(type(name) is str and not name.startswith("$") for name in value):
            return {name: self._json(item, level + 1) for name, item in value.items()}
        if kind is dict:
            return _typed("dict", [[self._json(name, level + 1), self._json(item, level + 1)] for name, item in value.items()])
        return self._blob_json(value)

    def _blob_json(self, value):
        if type(value) is bytes:
            return _typed("bytes", {"$blob": self._blob(value)})
        if arrays.is_array(value):
            return _typed("array", {"$blob": self._blob(arrays.array_pieces(value))})
        if arrays.is_scalar(value):
            return _typed("scalar", {"$blob": self._blob(arrays.array_bytes(value))})
        if arrays.is_tensor(value):
            return _typed("tensor", {"$blob": self._blob(arrays.tensors_pieces({"tensor": value}))})
        if isinstance(value, pathlib.Path):
            file = self._file(value)
            return _typed("file", {"name": file["name"], "content": {"$blob": file["sha256"]}})
        raise Unstorable("there is no stored form of a %s.%s" % (type(value).__module__, type(value).__qualname__))

    def _file(self, path: pathlib.Path) -> dict:
        return {"name": path.name, "sha256": self._blob(path)}

    def _whole(self, content: Content, content_type: str) -> dict:
        staged = self._fill(content)
        named = {"blob": self._to_send(content)} if staged is None else {"staged": staged}
        return dict(named, contentType=content_type)

    def _blob(self, content: Content) -> str:
        staged = self._fill(content)
        sha256 = (None if staged is None else self._take(staged)) or self._to_send(content)
        self._names.append(sha256)
        return sha256

    def _to_send(self, content: Content) -> str:
        content = b"".join(content) if isinstance(content, Pieces) else content
        sha256 = file_sha256(content) if isinstance(content, pathlib.Path) else sha256_of(content)
        self.blobs[sha256] = content
        return sha256


class Decoder:
    """
    Makes a result from the daemon's answer. `read(sha256, path)` gives the bytes of a blob, `keep(name, sha256, path)` makes a file
    of it for this process; both check the bytes. Raises ValueError, KeyError, TypeError, ImportError, RuntimeError or an OSError.
    """

    def __init__(self, read: Callable[..., bytes], keep: Callable[..., pathlib.Path]):
        self._read = read
        self._keep = keep
        self._paths: dict[str, str] = {}

    def result(self, answer: dict):
        kind = answer["kind"]
        if kind == "bytes":
            return self._of_bytes(self._read(answer["sha256"], answer["path"]), answer.get("contentType"))
        if kind == "files":
            return self._of_files(answer["files"])
        self._paths = {blob["sha256"]: blob["path"] for blob in answer.get("blobs", ())}
        return self._value(answer["value"])

    def _of_bytes(self, data: bytes, content_type):
        if content_type == ARRAY:
            return arrays.array_in(data)
        if content_type == TENSOR:
            return arrays.tensors_in(data)["tensor"]
        return arrays.tensors_in(data) if content_type == TENSORS else data

    def _of_files(self, files: list):
        first = files[0]
        if first.get("contentType") == LONG_JSON:
            self._paths = {file["sha256"]: file["path"] for file in files[1:]}
            return self._value(json.loads(self._read(first["sha256"], first["path"])))
        paths = [self._keep(file["name"], file["sha256"], file["path"]) for file in files]
        return paths[0] if len(paths) == 1 else paths

    def _value(self, value):
        if type(value) is list:
            return [self._value(item) for item in value]
        if type(value) is not dict:
            return value
        if value.keys() == {"$py", "value"}:
            return self._typed(value["$py"], value["value"])
        return {name: self._value(item) for name, item in value.items()}

    def _typed(self, kind: str, value):
        if kind == "tuple":
            return tuple(self._value(item) for item in value)
        if kind == "dict":
            return {self._value(name): self._value(item) for name, item in value}
        if kind == "float":
            return float(value)
        if kind == "file":
            name = value["content"]["$blob"]
            return self._keep(value["name"], name, self._paths[name])
        data = self._read(value["$blob"], self._paths[value["$blob"]])
        if kind == "bytes":
            return data
        if kind == "array":
            return arrays.array_in(data)
        if kind == "scalar":
            return arrays.array_in(data)[()]
        if kind == "tensor":
            return arrays.tensors_in(data)["tensor"]
        raise ValueError("a later version of autocached has stored a %s" % kind)


def _typed(kind: str, value) -> dict:
    return {"$py": kind, "value": value}


def safe_name(name: str) -> str:
    """The last part of a file's name, which removes any folders of an answer."""
    plain = os.path.basename(name.replace("\\", "/"))
    return plain if plain not in ("", ".", "..") and "\0" not in plain else "result"
