"""The daemon hears of a prompt when it is queued, and can copy its models before their nodes run."""

from __future__ import annotations

import logging
import os
import queue
import sys
import threading

from .daemon import Daemon, Trouble
from .host import APP
from .registration import Registration

log = logging.getLogger("autocached")

_ANSWER_SECONDS = 10.0
_MOST_WAITING = 100


class Prefetch:
    """
    Takes prompts on ComfyUI's event loop, at no cost to it, and passes them on in a thread that lives while there are some.
    `heard()` is called there for each.
    """

    def __init__(self, daemon: Daemon, registration: Registration, heard):
        self._daemon = daemon
        self._registration = registration
        self._heard = heard
        self._prompts = queue.Queue(_MOST_WAITING)
        self._lock = threading.Lock()
        self._sender = None
        self._attached = False

    def attach(self) -> None:
        """Asks ComfyUI's server, when it is there and can do that, to hear of every prompt that is queued. Once."""
        server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
        add = getattr(server, "add_on_prompt_handler", None)
        if add is not None and not self._attached:
            self._attached = True
            add(self.on_prompt)

    def on_prompt(self, json_data):
        """ComfyUI's handler of prompts: gives back what it was given, and never raises."""
        try:
            if isinstance(json_data.get("prompt"), dict):
                self._prompts.put_nowait((json_data["prompt"], json_data.get("prompt_id")))
                self._start()
        except Exception:
            log.debug("autocached: a prompt is not prefetched", exc_info=True)
        return json_data

    def _start(self) -> None:
        with self._lock:
            if self._sender is None:
                self._sender = threading.Thread(target=self._send_all, name="autocached-prefetch", daemon=True)
                self._sender.start()

    def _send_all(self) -> None:
        while True:
            with self._lock:
                if self._prompts.empty():
                    self._sender = None
                    break
            self._send(*self._prompts.get())
        self._daemon.close()

    def _send(self, prompt: dict, prompt_id) -> None:
        body = {"prompt": prompt, "client": {"app": APP, "pid": os.getpid()}}
        if prompt_id is not None:
            body["promptId"] = str(prompt_id)
        try:
            self._heard()
            self._registration.offer()
            self._registration.finish(_ANSWER_SECONDS)
            self._daemon.post("/api/workflows/prefetch", body, _ANSWER_SECONDS)
        except Trouble as why:
            log.debug("autocached: a prompt was not prefetched: %s", why)
        except Exception:
            log.debug("autocached: a prompt is not prefetched", exc_info=True)
