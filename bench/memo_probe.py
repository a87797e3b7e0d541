"""
A pack for ComfyUI that measures how long its prompt thread is held by the provider of kept outputs. For each output that the provider is
shown, one line of JSON is added to the file AUTOCACHE_BENCH_HOLDS: MiB of its tensors, ms, and ms of the thread's CPU time.
"""

import json
import os
import time

import torch

from comfy_execution import cache_provider

NODE_CLASS_MAPPINGS = {}

_register = cache_provider.register_cache_provider


def register(provider):
    if type(provider).__name__ == "AutocachedMemo" and "should_cache" not in vars(provider):
        provider.should_cache = _timed(provider.should_cache)
    _register(provider)


def _timed(should_cache):
    def timed(context, value=None):
        began, worked = time.perf_counter(), time.thread_time()
        answer = should_cache(context, value)
        held = {"ms": (time.perf_counter() - began) * 1000, "cpuMs": (time.thread_time() - worked) * 1000}
        if value is not None:
            with open(os.environ["AUTOCACHE_BENCH_HOLDS"], "a") as holds:
                holds.write(json.dumps({"mib": _bytes(value.outputs) / 2**20, **held}) + "\n")
        return answer

    return timed


def _bytes(value) -> int:
    if isinstance(value, torch.Tensor):
        return value.numel() * value.element_size()
    if isinstance(value, dict):
        return sum(map(_bytes, value.values()))
    return sum(map(_bytes, value)) if isinstance(value, (list, tuple)) else 0


cache_provider.register_cache_provider = register
