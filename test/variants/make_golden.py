"""
Makes the golden file of the number formats of variants: what torch and comfy-kitchen make of 65,536 numbers each.

    pip install torch comfy-kitchen numpy
    python test/variants/make_golden.py test/variants/golden.bin.gz

The file, gzip: one line of JSON that names the sections in order, then their bytes. Weights are taken in single precision, as the
kernels do: comfy-kitchen's own arithmetic in bf16 rounds twice.
"""

import gzip
import json
import sys

import numpy as np
import torch
from comfy_kitchen.backends.eager.quantization import quantize_int8_rowwise, quantize_per_tensor_fp8

COUNT = 65536
SCALES = [1.0, 2.0**-9, 0.00031415927, 0.0123, 3.7]


def inputs() -> dict[str, torch.Tensor]:
    patterns = torch.arange(COUNT, dtype=torch.int32)
    # All numbers of two bytes, and as many of four whose lower bits lie on the halves between two numbers of a shorter format and
    # right beside them.
    mixed = (patterns * 40503) & 0xFFFF
    low = torch.tensor([0x0000, 0x0001, 0x7FFF, 0x8000, 0x8001, 0xFFFF], dtype=torch.int32)[patterns % 6]
    low = torch.where(patterns % 7 == 0, mixed, low)
    return {
        "BF16": patterns.to(torch.int16).view(torch.bfloat16),
        "F16": patterns.to(torch.int16).view(torch.float16),
        "F32": ((patterns << 16) | low).view(torch.float32),
    }


def finite(numbers: torch.Tensor) -> torch.Tensor:
    return torch.where(torch.isfinite(numbers), numbers, torch.zeros_like(numbers))


def int8_by(numbers: torch.Tensor, scale: float) -> torch.Tensor:
    """A row gets its scale from its largest number: what is larger is left out by a zero, and 127 scales stand at its end."""
    scale = torch.tensor(scale, dtype=torch.float32)
    row = torch.cat([torch.where(numbers.abs() <= 127 * scale, numbers, torch.zeros_like(numbers)), (127 * scale).reshape(1)])
    coded, found = quantize_int8_rowwise(row.reshape(1, -1))
    return coded[0, :-1], found.reshape(1)


def main(path: str) -> None:
    sections, data = [], []

    def put(section: dict, tensor: torch.Tensor) -> None:
        raw = tensor.contiguous().view(torch.uint8).numpy().tobytes()
        sections.append({**section, "bytes": len(raw)})
        data.append(raw)

    for name, numbers in inputs().items():
        numbers = finite(numbers)
        put({"input": name}, numbers)
        wide = numbers.float()
        for scale in SCALES:
            coded = quantize_per_tensor_fp8(wide.clone(), torch.tensor(scale, dtype=torch.float32))
            put({"input": name, "to": "F8_E4M3", "scale": float(torch.tensor(scale, dtype=torch.float32))}, coded)
            coded, found = int8_by(wide, scale)
            put({"input": name, "to": "I8", "scale": float(found)}, coded)
        if name != "F16":
            put({"input": name, "to": "F16", "scale": 1.0}, torch.where(wide.abs() < 65504, wide, 0).to(torch.float16))
        if name != "BF16":
            put({"input": name, "to": "BF16", "scale": 1.0}, torch.where(wide.abs() < 3.3e38, wide, 0).to(torch.bfloat16))
    head = json.dumps({"torch": torch.__version__, "sections": sections}).encode() + b"\n"
    with open(path, "wb") as file:
        file.write(gzip.compress(head + b"".join(data), 9, mtime=0))
    np.testing.assert_equal(len(data), len(sections))


main(sys.argv[1])
