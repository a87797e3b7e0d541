"""ComfyUI's interface for cache providers: its detection, and a provider that only observes."""

from __future__ import annotations

import inspect
import sys

# The methods of a provider with the number of their parameters, and the coroutines among them.
_METHODS = {"on_lookup": 2, "on_store": 3, "should_cache": 3, "on_prompt_start": 2, "on_prompt_end": 2}
_COROUTINES = {"on_lookup", "on_store"}


def interface():
    """ComfyUI's module for that, if it has been imported."""
    return sys.modules.get("comfy_execution.cache_provider")


def lacking(api) -> str | None:
    """The first part of the interface that this ComfyUI lacks or has in an unknown form; None when it has all."""
    if getattr(getattr(sys.modules.get("comfy.cli_args"), "args", None), "cache_none", False):
        return "--cache-none"
    if api is None:
        return "no cache providers"
    if any(_parameters(getattr(api, name, None)) != 1 for name in ("register_cache_provider", "unregister_cache_provider")):
        return "other functions"
    base = getattr(api, "CacheProvider", None)
    if not inspect.isclass(base) or not _METHODS.keys() >= getattr(base, "__abstractmethods__", set()):
        return "other class"
    for name, count in _METHODS.items():
        method = getattr(base, name, None)
        if _parameters(method) != count or inspect.iscoroutinefunction(method) != (name in _COROUTINES):
            return "other " + name
    return None


def has_providers(api, is_ours) -> bool:
    """True when a pack has registered a provider that is not ours."""
    providers = getattr(api, "_get_cache_providers", tuple)
    return not all(map(is_ours, providers()))


def observer(base, watcher):
    """A provider without outputs, derived from ComfyUI's class. It reports to `watcher` and never raises."""

    def guarded(work, *args) -> None:
        try:
            work(*args)
        except Exception:
            watcher.failed()

    class AutocachedObserver(base):
        async def on_lookup(self, context):
            guarded(lambda: watcher.on_lookup(context.node_id))
            return None

        async def on_store(self, context, value):
            return None

        def should_cache(self, context, value=None):
            return value is None

        def on_prompt_start(self, prompt_id):
            guarded(watcher.on_start, prompt_id)

        def on_prompt_end(self, prompt_id):
            guarded(watcher.on_end, prompt_id)

    return AutocachedObserver()


def _parameters(function) -> int:
    try:
        return len(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return -1
