"""A node waits for a copy. The user sees its progress and can interrupt it, as far as this ComfyUI has functions for that."""

from __future__ import annotations

import contextlib
import logging
import sys

from .host import is_executing_node, is_interruption

log = logging.getLogger("autocached")

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


class Wait:
    """A context manager for the waiting thread. `node` is the id of the waiting node."""

    def __init__(self, name: str, node: str | None):
        self._name = name
        self._node = node
        self._bar = None
        self._said = False

    def __enter__(self):
        log.info("autocached: %s is being copied to the faster disk; its node waits for it", self._name)
        return self

    def __exit__(self, *_) -> None:
        if self._said:
            self._say("")

    def show(self, job: dict | None) -> None:
        """Shows the progress of a job of the daemon."""
        if not isinstance(job, dict):
            return
        done, total, left = (job.get(key) for key in ("bytesDone", "bytesTotal", "etaMs"))
        if not isinstance(done, int) or not isinstance(total, int) or total <= 0:
            return
        text = "autocached: copying %s to the faster disk, %s of %s" % (self._name, _bytes(done), _bytes(total))
        if isinstance(left, (int, float)):
            text += ", %d s left" % round(left / 1000)
        if job.get("status") not in (None, "running"):
            text += ", %s: %s" % (job.get("word"), job.get("why"))
        self._said = True
        self._say(text)
        self._move(done, total)

    def interrupted(self) -> bool:
        """True when the user has interrupted the prompt."""
        with contextlib.suppress(Exception):
            return bool(sys.modules["comfy.model_management"].processing_interrupted())
        return False

    def end_prompt(self) -> None:
        """
        Ends an interrupted prompt at once, as ComfyUI does, before a model is loaded for it. Returns where ComfyUI does not handle that:
        ComfyUI then ends the prompt later, because the interruption is still noted.
        """
        kind = getattr(sys.modules.get("comfy.model_management"), "InterruptProcessingException", None)
        if self.interrupted() and kind is not None and is_executing_node():
            raise kind()

    def _say(self, text: str) -> None:
        if self._node is None:
            return
        with contextlib.suppress(Exception):
            server = sys.modules["server"].PromptServer.instance
            server.send_progress_text(text, self._node, server.client_id)

    def _move(self, done: int, total: int) -> None:
        if self.interrupted():
            return
        try:
            if self._bar is None:
                self._bar = sys.modules["comfy.utils"].ProgressBar(total, node_id=self._node)
            self._bar.update_absolute(done, total)
        except BaseException as error:
            # A moving bar ends an interrupted prompt by an exception. Not every caller that asks for a path can pass it on.
            # So the interruption is noted again for ComfyUI's next check.
            if is_interruption(error):
                sys.modules["comfy.model_management"].interrupt_current_processing(True)
            elif not isinstance(error, Exception):
                raise


def _bytes(count: float) -> str:
    for unit in _UNITS[:-1]:
        if count < 1024:
            break
        count /= 1024
    else:
        unit = _UNITS[-1]
    return ("%d %s" if unit == "B" else "%.1f %s") % (count, unit)
