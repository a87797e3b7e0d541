"""Arrays of numpy and tensors of torch as bytes. Neither is imported here before a caller's value or a stored result needs it."""

from __future__ import annotations

import ctypes
import io
import json
import sys

from .pieces import Pieces
from .tensors import Raw, read_safetensors, safetensors_pieces

_TORCH_NAMES = {
    "BOOL": "bool",
    "U8": "uint8",
    "U16": "uint16",
    "U32": "uint32",
    "U64": "uint64",
    "I8": "int8",
    "I16": "int16",
    "I32": "int32",
    "I64": "int64",
    "F16": "float16",
    "BF16": "bfloat16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "C64": "complex64",
}


def is_array(value) -> bool:
    numpy = sys.modules.get("numpy")
    return numpy is not None and type(value) is getattr(numpy, "ndarray", None)


def is_scalar(value) -> bool:
    """True for a number of numpy."""
    numpy = sys.modules.get("numpy")
    return numpy is not None and isinstance(value, getattr(numpy, "generic", ()))


def is_tensor(value) -> bool:
    """True for a plain tensor: parameters and other subclasses carry more than their elements."""
    torch = sys.modules.get("torch")
    return torch is not None and type(value) is getattr(torch, "Tensor", None)


def array_bytes(array) -> bytes:
    """The array as a `.npy` file. Raises ValueError for an array of Python objects."""
    import numpy

    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=False)
    return file.getvalue()


def array_pieces(array) -> Pieces:
    """The same, without a copy of contiguous memory."""
    from numpy.lib import format as npy

    in_order = array if array.flags.c_contiguous else array.T
    if array.dtype.hasobject or not in_order.flags.c_contiguous:
        return Pieces([array_bytes(array)])
    header = io.BytesIO()
    try:
        npy.write_array_header_1_0(header, npy.header_data_from_array_1_0(array))
        return Pieces([header.getvalue(), memoryview(in_order.reshape(-1).view("u1"))])
    except (ValueError, TypeError):
        # A longer header, and elements without bytes.
        return Pieces([array_bytes(array)])


def array_in(data: bytes):
    """The array of a `.npy` file. Raises ValueError for other bytes, ImportError without numpy."""
    import numpy

    return numpy.load(io.BytesIO(data), allow_pickle=False)


def raw_tensor(tensor) -> Raw:
    """Raises ValueError for a tensor that is not determined by its elements."""
    import torch

    names = {getattr(torch, name, None): dtype for dtype, name in _TORCH_NAMES.items()}
    if tensor.dtype not in names:
        raise ValueError("safetensors has no %s" % tensor.dtype)
    if tensor.layout is not torch.strided or tensor.is_quantized or tensor.device.type == "meta":
        raise ValueError("only dense tensors with elements can be stored")
    if tensor.requires_grad:
        raise ValueError("a tensor that requires grad would lose its graph; detach() it")
    plain = tensor.resolve_conj().resolve_neg().to("cpu").contiguous()
    size = plain.numel() * plain.element_size()
    return Raw(names[tensor.dtype], tuple(plain.shape), _memory_of(plain, size) if size else b"")


def _memory_of(tensor, size: int) -> memoryview:
    memory = (ctypes.c_char * size).from_address(tensor.data_ptr())
    # The memory is the tensor's, which lives as long.
    memory.tensor = tensor
    return memoryview(memory).cast("B")


def tensors_pieces(tensors: dict) -> Pieces:
    """Tensors by name as safetensors, without a copy of those in main memory; their devices are noted. Raises ValueError."""
    devices = {name: str(tensor.device) for name, tensor in tensors.items() if tensor.device.type != "cpu"}
    return safetensors_pieces({name: raw_tensor(one) for name, one in tensors.items()}, {"devices": json.dumps(devices)})


def tensors_in(data: bytes) -> dict:
    """The tensors by name, on the devices that they were on. Raises ValueError, ImportError, or RuntimeError without the device."""
    raws, metadata = read_safetensors(data)
    devices = json.loads(metadata.get("devices", "{}"))
    return {name: _tensor_of(raw).to(devices.get(name, "cpu")) for name, raw in raws.items()}


def _tensor_of(raw: Raw):
    import torch

    dtype = getattr(torch, _TORCH_NAMES[raw.dtype], None)
    if dtype is None:
        raise ValueError("this torch has no %s" % raw.dtype)
    if not len(raw.data):
        return torch.empty(raw.shape, dtype=dtype)
    # An own buffer, because tensors can be written to.
    return torch.frombuffer(bytearray(raw.data), dtype=torch.uint8).view(dtype).reshape(raw.shape)
