"""Tensors of outputs: each is a separate safetensors file, so that equal tensors are kept once."""

from __future__ import annotations

import hashlib
import json
import sys
from typing import NamedTuple

from .spare_memory import LEAST_BYTES, SpareMemory
from .structure import Unstorable, decode, encode

_NAME = "tensor"
_MOST_DIMENSIONS = 64
# The names that safetensors has for torch's types of numbers.
_TYPES = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "int64": "I64",
    "int32": "I32",
    "int16": "I16",
    "int8": "I8",
    "uint64": "U64",
    "uint32": "U32",
    "uint16": "U16",
    "uint8": "U8",
    "bool": "BOOL",
}


class Snapshot:
    """
    A copy of a value, because later nodes may write into its tensors. `reserve(bytes)` is called before each tensor is copied and may
    raise. Its copies are in `memory` until `release`. Raises Unstorable.
    """

    def __init__(self, value, reserve=lambda count: None, memory: SpareMemory | None = None):
        self._reserve = reserve
        self._memory = memory or SpareMemory()
        self._blocks: list[bytearray] = []
        # The file of each tensor in its parts, and the JSON object that will have its name.
        self._copies: list[tuple[list, dict]] = []
        self.bytes = 0
        self.encoded = encode(value, self._encode)

    def files(self) -> dict[str, list]:
        """
        The files of its tensors by their SHA-256, each in its parts. Writes the names into `encoded`, and lets go of the copies. Other
        threads run meanwhile.
        """
        files = {}
        for parts, place in self._copies:
            hashed = hashlib.sha256()
            for part in parts:
                hashed.update(part)
            name = hashed.hexdigest()
            place["tensor"] = {"$blob": name}
            files[name] = parts
        self._copies = []
        return files

    def release(self) -> None:
        """Gives the memory of its copies back; its files must not be read afterwards."""
        for block in self._blocks:
            self._memory.give(block)
        self._blocks = []

    def _encode(self, value) -> dict:
        if _is_nested(value):
            return {"nested": [self._tensor(part) for part in value.tensors]}
        return self._tensor(value)

    def _tensor(self, value) -> dict:
        torch = sys.modules.get("torch")
        if torch is None or type(value) is not torch.Tensor or value.layout is not torch.strided or value.is_complex() or value.requires_grad:
            raise Unstorable(type(value).__name__)
        if value.device.type not in ("cpu", "cuda") or value.is_quantized or _type_of(value) is None:
            raise Unstorable("a tensor on %s" % value.device)
        size = value.numel() * value.element_size()
        self._reserve(size)
        self.bytes += size
        order = _memory_order(value)
        place = {"tensor": None}
        if order != list(range(value.dim())):
            place["order"] = order
        if value.device.type != "cpu":
            place["device"] = value.device.type
        dense = value.detach().permute(order)
        self._copies.append(([_header(dense), self._copied(dense)], place))
        return place

    def _copied(self, tensor) -> memoryview:
        """
        A copy of a tensor's elements in the order of its dimensions. numpy copies in this thread, and lets others run; torch would share the
        work with its threads, and wait for all of them on a busy machine.
        """
        torch, numpy = sys.modules["torch"], sys.modules["numpy"]
        there = tensor.contiguous().cpu()
        elements = there.reshape(-1).view(torch.uint8).numpy()
        if there.data_ptr() != tensor.data_ptr():
            return memoryview(elements)
        if elements.nbytes < LEAST_BYTES:
            return memoryview(elements.copy())
        block = self._memory.take(elements.nbytes)
        self._blocks.append(block)
        copy = numpy.frombuffer(block, "uint8", elements.nbytes)
        numpy.copyto(copy, elements)
        return memoryview(copy)


def restore(encoded, read):
    """The value of a Snapshot's JSON. `read(sha256)` returns the content of a file, whose hash it has checked. Raises Unstorable."""

    def leaf(found: dict):
        if "nested" in found:
            parts = found["nested"]
            if type(parts) is not list or not all(type(part) is dict for part in parts):
                raise Unstorable("no tensors")
            return _nested_class()([_restored(part, read) for part in parts])
        return _restored(found, read)

    return decode(encoded, leaf)


def names_in(encoded) -> set[str]:
    """The SHA-256 of all files that a Snapshot's JSON names. Raises Unstorable."""
    names = set()

    def leaf(found: dict):
        names.update(_name_in(part) for part in found.get("nested", [found]))

    decode(encoded, leaf)
    return names


def _header(tensor) -> bytes:
    """The bytes before the elements of a tensor in its safetensors file, exactly as the library writes them."""
    about = {"dtype": _type_of(tensor), "shape": list(tensor.shape), "data_offsets": [0, tensor.numel() * tensor.element_size()]}
    text = json.dumps({_NAME: about}, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text


def _type_of(tensor) -> str | None:
    return _TYPES.get(str(tensor.dtype).partition(".")[2])


class _Place(NamedTuple):
    name: str
    order: list
    device: str


def _restored(found: dict, read):
    from safetensors.torch import load

    torch = sys.modules["torch"]
    name, order, device = _place_in(found)
    try:
        tensors = load(read(name))
    except Exception as error:
        # The library's own error is no built-in one.
        raise Unstorable("no tensor: %s" % error) from error
    tensor = tensors.get(_NAME)
    if len(tensors) != 1 or tensor is None:
        raise Unstorable("no tensor")
    if order is not None and sorted(order) != list(range(tensor.dim())):
        raise Unstorable("no order of dimensions")
    if device == "cuda" and not torch.cuda.is_available():
        raise Unstorable("there is no cuda")
    # The library's tensor lies within the bytes of the file; nodes expect one that is aligned.
    tensor = tensor.clone(memory_format=torch.contiguous_format)
    if order is not None:
        tensor = tensor.permute([order.index(dimension) for dimension in range(len(order))])
    return tensor.to(device) if device != "cpu" else tensor


def _place_in(found: dict) -> _Place:
    order, device = found.get("order"), found.get("device", "cpu")
    if order is not None and (type(order) is not list or len(order) > _MOST_DIMENSIONS or any(type(one) is not int for one in order)):
        raise Unstorable("no order of dimensions")
    if device not in ("cpu", "cuda"):
        raise Unstorable("no device")
    return _Place(_name_in(found), order, device)


def _name_in(found) -> str:
    blob = found.get("tensor") if type(found) is dict else None
    name = blob.get("$blob") if type(blob) is dict else None
    if type(name) is not str:
        raise Unstorable("no tensor")
    return name


def _memory_order(tensor) -> list[int]:
    """
    The dimensions from the widest stride to the narrowest, when the tensor is dense in that order; else as they are. Kernels sum in the
    order of memory, so a restored tensor has the strides that it had.
    """
    order = sorted(range(tensor.dim()), key=lambda dimension: (-tensor.stride(dimension), dimension))
    return order if tensor.permute(order).is_contiguous() else list(range(tensor.dim()))


def _nested_class():
    """ComfyUI's class for several tensors of one latent (audio and video)."""
    found = getattr(sys.modules.get("comfy.nested_tensor"), "NestedTensor", None)
    if found is None:
        raise Unstorable("this ComfyUI has no nested tensors")
    return found


def _is_nested(value) -> bool:
    found = getattr(sys.modules.get("comfy.nested_tensor"), "NestedTensor", None)
    return found is not None and type(value) is found
