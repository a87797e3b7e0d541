"""Arrays of numpy and tensors of torch as bytes. Neither is imported here before a caller's value or a stored result is of it."""

from __future__ import annotations

import ctypes
import io
import json
import sys

from .tensors import Raw, read_safetensors, write_safetensors

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
    """Parameters and other subclasses carry more than their elements: they are none."""
    torch = sys.modules.get("torch")
    return torch is not None and type(value) is getattr(torch, "Tensor", None)


def array_bytes(array) -> bytes:
    """The array as a `.npy` file. Raises ValueError for one of Python objects."""
    import numpy

    file = io.BytesIO()
    numpy.save(file, array, allow_pickle=False)
    return file.getvalue()


def array_in(data: bytes):
    """Raises ValueError for what is no `.npy` file, ImportError without numpy."""
    import numpy

    return numpy.load(io.BytesIO(data), allow_pickle=False)


def raw_tensor(tensor) -> Raw:
    """Raises ValueError for a tensor that its elements do not tell."""
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
    return Raw(names[tensor.dtype], tuple(plain.shape), ctypes.string_at(plain.data_ptr(), size) if size else b"")


def tensors_bytes(tensors: dict) -> bytes:
    """Tensors by name as safetensors; their devices are noted. Raises ValueError."""
    devices = {name: str(tensor.device) for name, tensor in tensors.items() if tensor.device.type != "cpu"}
    return write_safetensors({name: raw_tensor(one) for name, one in tensors.items()}, {"devices": json.dumps(devices)})


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
