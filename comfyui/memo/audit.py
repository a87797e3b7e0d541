"""Computes a few of the outputs that ComfyUI was given again while it is idle, and compares them with the kept ones."""

from __future__ import annotations

import collections
import http.client
import logging
import random
import threading
import time
import uuid

from ..graph import has_few_pairs
from ..host import idle_since_prompt, keeps_only_last, running_prompt, waiting_prompts
from ..own_server import post
from .again import END, Given, prompt_again

log = logging.getLogger("autocached")

# Idle time of ComfyUI before an output is computed again.
IDLE_SECONDS = 20.0
LOOK_SECONDS = 1.0
# Maximum wait of a user's prompt before the computation is interrupted.
FOLLOW_SECONDS = 0.2
# Maximum number of outputs waiting to be computed again.
_MOST_WAITING = 20


class Audit:
    """One of `one_in()` outputs is computed again, 0 = none. `forget(prompt_id)`: it will not run."""

    def __init__(self, one_in, forget, most_pairs: int):
        self._one_in = one_in
        self._forget = forget
        self._most_pairs = most_pairs
        self._lock = threading.Lock()
        self._waiting: collections.deque[Given] = collections.deque(maxlen=_MOST_WAITING)
        self._thread: threading.Thread | None = None
        self._under_way: tuple[str, Given] | None = None
        self._is_off = False

    def draws(self) -> bool:
        """True for an output that is to be computed again."""
        one_in = self._one_in()
        return one_in > 0 and not self._is_off and random.randrange(one_in) == 0

    def offer(self, given: Given) -> None:
        """Has an output computed again, when ComfyUI is idle."""
        with self._lock:
            self._waiting.append(given)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="autocached-audit", daemon=True)
                self._thread.start()

    def given_of(self, prompt_id: str) -> Given | None:
        """The output that a prompt of this audit computes again."""
        under_way = self._under_way
        return under_way[1] if under_way is not None and under_way[0] == prompt_id else None

    def is_own(self, prompt_id) -> bool:
        return prompt_id is not None and self.given_of(str(prompt_id)) is not None

    def _watch(self) -> None:
        begun, since = None, 0.0
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
            time.sleep(LOOK_SECONDS)
            now, before = time.monotonic(), begun
            begun = idle_since_prompt()
            if begun is None or begun != before:
                since = now
            elif now - since >= IDLE_SECONDS:
                self._attempt(self._waiting.popleft(), begun)
                begun = None

    def _attempt(self, given: Given, begun: int) -> None:
        # It would cost the user the outputs of the prompt that ran last.
        if self._one_in() == 0 or (keeps_only_last() and given.begun != begun):
            return
        prompt_id = str(uuid.uuid4())
        prompt = prompt_again(given.prompt, given.node, prompt_id)
        if not has_few_pairs(prompt, self._most_pairs):
            return
        log.info("autocached: ComfyUI is idle; a kept output of %s is computed again, to compare them", given.class_name)
        self._under_way = (prompt_id, given)
        try:
            status = post("/prompt", {"prompt": prompt, "prompt_id": prompt_id, "partial_execution_targets": [END]})
            if status != 200:
                raise OSError("it answers a prompt with %d" % status)
            _follow(prompt_id)
            post("/history", {"delete": [prompt_id]})
        except (OSError, http.client.HTTPException, ValueError, TypeError) as why:
            self._is_off = True
            self._waiting.clear()
            log.info("autocached: kept outputs are not compared with what ComfyUI computes until it is started again: %s", why)
        finally:
            self._forget(prompt_id)
            self._under_way = None


def _follow(prompt_id: str) -> None:
    """Returns when the prompt has ended. It gives way to any other."""
    gives_way = False
    while True:
        time.sleep(FOLLOW_SECONDS)
        waiting = [found.id for found in waiting_prompts() or ()]
        is_running = running_prompt(prompt_id) is not None
        if not is_running and prompt_id not in waiting:
            return
        if not gives_way and any(one != prompt_id for one in waiting):
            gives_way = True
            if is_running:
                post("/interrupt", {"prompt_id": prompt_id})
            else:
                post("/queue", {"delete": [prompt_id]})
