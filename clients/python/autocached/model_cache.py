"""Live models in the memory of one process: the least valuable leave when room is short."""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from concurrent.futures import Future
from typing import Callable

from .memory import MB, available_mb, measured_mb, used_share
from .per_process import PerProcess
from .resolver import Resolver, resolve, usual

log = logging.getLogger("autocached")

# Default limit, as a share of the available memory.
AUTO_SHARE = 0.7
# Above this share of the limit models leave.
SOFT_SHARE = 0.85


class _Model:
    def __init__(self, data, size_mb: float, now: float, load_seconds: float | None):
        self.data = data
        self.size_mb = size_mb
        self.added = self.used = now
        self.uses = 0
        self.load_seconds = load_seconds


class ModelCache:
    """
    Holds at most `max_memory_mb` MB, by default 70 % of the memory available now; can be used by all threads. With a `loader`, `get_model`
    takes paths: a missing model is loaded by `loader(path)` from the copy that `resolver(path)` names, once for all callers. The
    measured size of a model counts if it is more than the given one.
    """

    def __init__(
        self,
        max_memory_mb: float | None = None,
        *,
        loader: Callable[[str], object] | None = None,
        resolver: Callable[[str], str] = resolve,
        clock: Callable[[], float] = time.monotonic,
    ):
        self.max_memory_mb = _positive(AUTO_SHARE * available_mb() if max_memory_mb is None else max_memory_mb)
        self._loader = loader
        self._resolver = resolver
        self._clock = clock
        # A lock that another thread holds at a fork, or a load of that thread, would never end in the child.
        self._lock = PerProcess(threading.RLock)
        self._loading: PerProcess[dict[str, Future]] = PerProcess(dict)
        self._models: dict[str, _Model] = {}
        self._used_mb = 0.0
        self._began = clock()
        self._hits = self._misses = self._evictions = self._rejected = 0
        self._load_seconds: list[float] = []

    def add_model(self, model_id: str, model_data, size_mb: float, *, load_seconds: float | None = None) -> bool:
        """False when the model is larger than the cache: it is not held, and nothing leaves for it. Raises ValueError for an invalid size."""
        size_mb = max(_positive(size_mb), measured_mb(model_data))
        with self._lock():
            if load_seconds is not None:
                self._load_seconds.append(load_seconds)
            if size_mb > self.max_memory_mb:
                self._rejected += 1
                log.warning(
                    "autocached: %s has %.0f MB, which is more than the %.0f MB of the cache",
                    model_id,
                    size_mb,
                    self.max_memory_mb,
                )
                return False
            before = self._models.pop(model_id, None)
            self._used_mb -= before.size_mb if before else 0
            self._make_room(size_mb)
            self._models[model_id] = _Model(model_data, size_mb, self._clock(), load_seconds)
            self._used_mb += size_mb
            return True

    def get_model(self, model_id: str) -> tuple:
        """`(data, True)` for a held model, else `(data, False)` from the loader, None without one. Raises the loader's errors."""
        with self._lock():
            model = self._models.get(model_id)
            if model is not None:
                self._hits += 1
                model.uses += 1
                model.used = self._clock()
                return model.data, True
            self._misses += 1
            if self._loader is None:
                return None, False
            known = self._loading().get(model_id)
            loading = known or self._loading().setdefault(model_id, Future())
        if known is None:
            self._load(model_id, loading)
        return loading.result(), False

    def clear_model(self, model_id: str) -> bool:
        """False when it is not held."""
        with self._lock():
            model = self._models.pop(model_id, None)
            self._used_mb -= model.size_mb if model else 0
            return model is not None

    def clear_all(self) -> int:
        """Number of models that have left."""
        with self._lock():
            count = len(self._models)
            self._models.clear()
            self._used_mb = 0.0
            return count

    def get_memory_status(self) -> dict:
        """Sizes in MB of 2^20 bytes, shares in percent."""
        with self._lock():
            return {
                "current_memory_mb": round(self._used_mb, 3),
                "max_memory_mb": round(self.max_memory_mb, 3),
                "soft_limit_mb": round(self.max_memory_mb * SOFT_SHARE, 3),
                "available_memory_mb": round(max(0.0, self.max_memory_mb - self._used_mb), 3),
                "memory_utilization": round(100 * self._used_mb / self.max_memory_mb, 1),
                "system_memory_percent": round(100 * used_share(), 1),
                "cached_models": len(self._models),
            }

    def get_stats(self) -> dict:
        """Counts since the start, `average_load_time` in seconds (0 when nothing was loaded), and the models with size, age and uses."""
        with self._lock():
            now, asked, loads = self._clock(), self._hits + self._misses, self._load_seconds
            return {
                "hits": self._hits,
                "misses": self._misses,
                "hit_rate": "%d%%" % round(100 * self._hits / asked) if asked else "0%",
                "evictions": self._evictions,
                "rejected": self._rejected,
                "loads": len(loads),
                "average_load_time": sum(loads) / len(loads) if loads else 0.0,
                "uptime_seconds": now - self._began,
                **self.get_memory_status(),
                "models": {
                    name: {
                        "size_mb": round(model.size_mb, 3),
                        "age_seconds": now - model.added,
                        "idle_seconds": now - model.used,
                        "access_count": model.uses,
                        "load_time": model.load_seconds,
                    }
                    for name, model in self._models.items()
                },
            }

    def print_stats(self) -> None:
        stats = self.get_stats()
        print(
            "Models in memory: %(cached_models)d, %(current_memory_mb).0f of %(max_memory_mb).0f MB (%(memory_utilization)s%%)"
            % stats
        )
        print("Hits %(hits)d, misses %(misses)d, hit rate %(hit_rate)s, evictions %(evictions)d, rejected %(rejected)d" % stats)
        print("Average load time %(average_load_time).2f s, memory of the system in use %(system_memory_percent)s%%" % stats)
        for name, model in stats["models"].items():
            print("  %s: %.0f MB, %d uses, %.0f s old" % (name, model["size_mb"], model["access_count"], model["age_seconds"]))

    def _make_room(self, size_mb: float) -> None:
        """The least valuable models leave until the new one fits below the soft limit, or nothing is left."""
        while self._models and self._used_mb + size_mb > self.max_memory_mb * SOFT_SHARE:
            name = self._least_worthy()
            self._used_mb -= self._models.pop(name).size_mb
            self._evictions += 1
            log.info("autocached: %s leaves the memory", name)
        if not self._models:
            # Sums of fractions accumulate errors.
            self._used_mb = 0.0

    def _least_worthy(self) -> str:
        """Of highest 0.7 age - 0.3 frequency; both are shares of the largest."""
        now = self._clock()
        ages = {name: now - model.used for name, model in self._models.items()}
        oldest = max(ages.values()) or 1.0
        most = max(model.uses for model in self._models.values()) or 1
        return max(self._models, key=lambda name: 0.7 * ages[name] / oldest - 0.3 * self._models[name].uses / most)

    def _load(self, path: str, loading: Future) -> None:
        try:
            began = self._clock()
            opened = self._resolver(path)
            data = self._loader(opened)
            seconds = self._clock() - began
            self.add_model(path, data, os.path.getsize(opened) / MB or 1 / MB, load_seconds=seconds)
            told = _owner(self._resolver)
            if told is not None and opened != path:
                told.loaded(opened, seconds)
        except BaseException as error:
            with self._lock():
                del self._loading()[path]
            loading.set_exception(error)
        else:
            with self._lock():
                del self._loading()[path]
            loading.set_result(data)


def _positive(size_mb: float) -> float:
    if not isinstance(size_mb, (int, float)) or not math.isfinite(size_mb) or size_mb <= 0:
        raise ValueError("a size in MB is a number above 0, not %r" % (size_mb,))
    return float(size_mb)


_cache: ModelCache | None = None
_cache_lock = PerProcess(threading.Lock)


def get_cache(max_memory_mb: float | None = None) -> ModelCache:
    """The one cache of this process. `max_memory_mb` counts when it is made, at the first call."""
    global _cache
    with _cache_lock():
        if _cache is None:
            _cache = ModelCache(max_memory_mb)
        return _cache


def _owner(resolver) -> Resolver | None:
    """The resolver whose method this is; None for a function of the program."""
    owner = usual if resolver is resolve else getattr(resolver, "__self__", None)
    return owner if isinstance(owner, Resolver) else None
