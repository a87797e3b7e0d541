"""The safetensors format: a header of JSON, then the bytes of each tensor. Reading it runs no code, unlike a pickle."""

from __future__ import annotations

import json
import struct
from typing import Mapping, NamedTuple

from .pieces import Pieces

_ITEM_BYTES = {
    **dict.fromkeys(("BOOL", "U8", "I8", "F8_E4M3", "F8_E5M2"), 1),
    **dict.fromkeys(("U16", "I16", "F16", "BF16"), 2),
    **dict.fromkeys(("U32", "I32", "F32"), 4),
    **dict.fromkeys(("U64", "I64", "F64", "C64"), 8),
}
_MOST_HEADER_BYTES = 100_000_000


class Raw(NamedTuple):
    """A tensor in the form of safetensors: elements in the order of rows, little-endian."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


def write_safetensors(tensors: Mapping[str, Raw], metadata: Mapping[str, str]) -> bytes:
    return b"".join(safetensors_pieces(tensors, metadata))


def safetensors_pieces(tensors: Mapping[str, Raw], metadata: Mapping[str, str]) -> Pieces:
    """The same without a copy of the tensors."""
    header: dict = {"__metadata__": dict(metadata)} if metadata else {}
    at = 0
    for name, raw in tensors.items():
        header[name] = {"dtype": raw.dtype, "shape": list(raw.shape), "data_offsets": [at, at + len(raw.data)]}
        at += len(raw.data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return Pieces([struct.pack("<Q", len(text)), text, *(raw.data for raw in tensors.values())])


def read_safetensors(data: bytes) -> tuple[dict[str, Raw], dict[str, str]]:
    """The tensors by name, and the metadata. Raises ValueError for other bytes."""
    try:
        (length,) = struct.unpack_from("<Q", data)
        if length > min(_MOST_HEADER_BYTES, len(data) - 8):
            raise ValueError("the header is longer than the file")
        header = json.loads(data[8 : 8 + length])
        metadata = header.pop("__metadata__", {})
        body = memoryview(data)[8 + length :]
        return {name: _raw_in(body, **described) for name, described in header.items()}, dict(metadata)
    except (struct.error, TypeError, AttributeError, KeyError) as error:
        raise ValueError("this is no safetensors: %s" % error) from error


def _raw_in(body: memoryview, dtype: str, shape: list[int], data_offsets: list[int]) -> Raw:
    start, end = data_offsets
    size = _ITEM_BYTES[dtype]
    for length in shape:
        if length < 0:
            raise ValueError("a tensor has a negative length")
        size *= length
    if not 0 <= start <= end <= len(body) or end - start != size:
        raise ValueError("a tensor lies outside the file, or has not the size of its shape")
    return Raw(dtype, tuple(shape), body[start:end])
