"""How long a node's output holds ComfyUI until its copy is made, in ms: python memo_held.py PACKAGE. Prints JSON: MiB and medians."""

import json
import os
import statistics
import sys
import time

sys.path.insert(0, sys.argv[1])

import torch  # noqa: E402

from comfyui.memo.storing import Storing  # noqa: E402


def held(mib: float) -> float:
    value = [[{"samples": torch.randn(int(mib * (1 << 18)))}]]
    times = []
    for _ in range(30):
        storing = Storing(None)
        began = time.perf_counter()
        storing.snapshot(value)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


json.dump({str(mib): held(mib) for mib in (0.25, 4, 16)}, sys.stdout)
sys.stdout.write(os.linesep)
