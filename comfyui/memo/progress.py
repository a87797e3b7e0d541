"""ComfyUI's interface for progress, which reports the start and end of nodes of the running prompt."""

from __future__ import annotations

import logging
import sys

log = logging.getLogger("autocached")


def follow(prompt_id: str, listener) -> bool:
    """
    Has `listener.started(node)` and `listener.ended(node)` called in ComfyUI's prompt thread until the prompt ends, and `listener.failed()`
    when these raise. False when this ComfyUI does not report them. A node whose output ComfyUI has only ends.
    """
    api = sys.modules.get("comfy_execution.progress")
    try:
        base = api.ProgressHandler
        if not all(callable(getattr(base, name)) for name in ("start_handler", "finish_handler")):
            return False
        if api.get_progress_state().prompt_id != prompt_id:
            return False
        api.add_progress_handler(_handler(base, listener))
        return True
    except Exception:
        log.debug("autocached: this ComfyUI does not tell when nodes start", exc_info=True)
        return False


def _handler(base, listener):
    def guarded(work, node: str) -> None:
        try:
            work(node)
        except Exception:
            listener.failed()

    class AutocachedProgress(base):
        def start_handler(self, node_id, *_):
            guarded(listener.started, node_id)

        def finish_handler(self, node_id, *_):
            guarded(listener.ended, node_id)

    return AutocachedProgress("autocached")
