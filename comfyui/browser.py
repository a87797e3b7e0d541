"""Routes of ComfyUI's server for the sidebar in the browser. They forward to the daemon and never block ComfyUI."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import secrets
import sys
import threading

from .browser_guard import LOCAL, REFUSED, may_change, may_have_token, standing
from .browser_view import state_view, workflow_view
from .daemon import Daemon, Refused, Trouble
from .host import free_models
from .memo.memo import Memo
from .registration import Registration
from .sent_prompt import SentPrompt
from .start_help import start_help

log = logging.getLogger("autocached")

_STATE_SECONDS = 2.0
# The daemon may have to look for sources.
_ANSWER_SECONDS = 8.0
_WORKFLOW_BYTES = 8 << 20
_CHANGE_BYTES = 1 << 20
_MOST_AT_ONCE = 8
_JOBS = "/api/jobs?limit=200"
_MODES = ("off", "read-only", "read-write")
_CHANGES = {"warm": "/api/cache/warm", "pin": "/api/cache/pin", "unpin": "/api/cache/unpin"}


class Browser:
    """Handlers run on ComfyUI's event loop. Requests to the daemon run in short-lived threads, at most eight at once."""

    def __init__(self, daemon: Daemon, registration: Registration, memo: Memo | None = None):
        self._daemon = daemon
        self._registration = registration
        self._memo = memo
        self._token = secrets.token_urlsafe(32)
        self._under_way = 0
        self._hinted = b""
        self._web = None

    def attach(self) -> None:
        """Adds the routes, once, before ComfyUI's server starts. ComfyUI serves them below /api too."""
        server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
        routes = getattr(server, "routes", None)
        if routes is None or self._web is not None:
            return
        from aiohttp import web

        self._web = web
        routes.get("/autocached/state")(self.state)
        routes.get("/autocached/help")(self.help)
        routes.post("/autocached/workflow")(self.workflow)
        routes.post("/autocached/foresee")(self.foresee)
        routes.post("/autocached/session")(self.session)
        routes.post("/autocached/change")(self.change)

    async def state(self, request):
        """The state of the cache and the running copies."""
        who = standing(request.headers, request.remote)
        if who == REFUSED:
            return self._refuse()
        return await self._ask(lambda: dict(self._look(), mayChange=who == LOCAL))

    async def help(self, request):
        """The commands that start the daemon. They name directories, so they are for this machine only."""
        if standing(request.headers, request.remote) != LOCAL:
            return self._refuse()
        return self._json(await _in_thread(lambda: start_help(os.path.dirname(os.path.abspath(__file__))), lambda: None))

    async def workflow(self, request):
        """The models of the workflow in the body and their places. The body is that of POST /api/workflows/analyze."""
        if standing(request.headers, request.remote) == REFUSED:
            return self._refuse()
        body = await _read(request, _WORKFLOW_BYTES)
        return self._too_large() if body is None else await self._ask(lambda: self._analyze(body))

    async def foresee(self, request):
        """The nodes of the prompt in the body, `{"prompt": …}`, whose outputs are kept: they need not run."""
        if standing(request.headers, request.remote) == REFUSED:
            return self._refuse()
        body = await _read(request, _WORKFLOW_BYTES)
        return self._too_large() if body is None else await self._ask(lambda: {"alive": True, "kept": self._foresee(body)})

    async def session(self, request):
        """The token of this run of ComfyUI, for pages that may have it."""
        if not may_have_token(request.headers, request.remote):
            return self._refuse()
        return self._json({"token": self._token})

    async def change(self, request):
        """`{"mode": …}`, `{"warm" | "pin" | "unpin": ["category/name", …]}`, `{"fresh": "id of the page"}`, or `{"free": true}`."""
        if not may_change(request.headers, request.remote, self._token):
            return self._refuse()
        body = await _read(request, _CHANGE_BYTES)
        if body is None:
            return self._too_large()
        page = _fresh_in(body)
        if page is not None:
            self._memo.run_fresh(page)
            return self._json({"alive": True})
        if _is_free(body):
            freed = free_models()
            return self._json({"alive": True} if freed else {"alive": True, "refused": "this ComfyUI cannot be asked to unload its models"})
        asked = _change_in(body)
        if asked is None:
            return self._json({"error": "this is no change that can be made"}, 400)
        return await self._ask(lambda: self._change(*asked))

    async def _ask(self, work):
        """The result of `work` as JSON. The status is 200 without a daemon too: pages need not report that as an error."""
        if self._under_way >= _MOST_AT_ONCE:
            return self._json({"alive": False})
        self._under_way += 1
        try:
            return self._json(await _in_thread(work, self._daemon.close))
        except Refused as why:
            return self._json({"alive": True, "refused": str(why)})
        except Trouble as why:
            log.debug("autocached: the browser's question was not answered: %s", why)
            return self._json({"alive": False})
        except Exception:
            log.debug("autocached: the daemon's answer is not understood", exc_info=True)
            return self._json({"alive": False})
        finally:
            self._under_way -= 1

    def _look(self) -> dict:
        stats = self._daemon.get("/api/cache/stats", _STATE_SECONDS)
        return state_view(stats, self._daemon.get(_JOBS, _STATE_SECONDS))

    def _analyze(self, body: bytes) -> dict:
        self._registration.offer()
        analysis = self._daemon.post("/api/workflows/analyze", body, _ANSWER_SECONDS)
        self._hint(body)
        spared = [] if self._memo is None else self._memo.spared
        return workflow_view(analysis, self._daemon.get(_JOBS, _STATE_SECONDS), spared)

    def _hint(self, body: bytes) -> None:
        """Reports the open workflow, whose models likely come next, once; a daemon without this route gets nothing."""
        if body == self._hinted:
            return
        self._hinted = body
        with contextlib.suppress(Trouble, Refused):
            self._daemon.post("/api/hints", body, _ANSWER_SECONDS)

    def _foresee(self, body: bytes) -> list[str]:
        prompt = json.loads(body).get("prompt")
        if self._memo is None or not isinstance(prompt, dict):
            return []
        sent = SentPrompt({"prompt": prompt})
        sent.may_be_given = True
        return sorted(self._memo.foresee(sent, None, set()))

    def _change(self, route: str, body: dict) -> dict:
        self._daemon.post(route, body, _ANSWER_SECONDS)
        return {"alive": True}

    def _refuse(self):
        return self._json({"error": "not for this page"}, 403)

    def _too_large(self):
        return self._json({"error": "the body is too large"}, 413)

    def _json(self, answer: dict, status: int = 200):
        return self._web.json_response(answer, status=status, headers={"Cache-Control": "no-store"})


async def _in_thread(work, at_end):
    """Runs `work` and then `at_end` in a thread. Returns or raises the result of `work`. ComfyUI's exit waits for neither."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()

    def settle(result, error):
        # The request may have ended.
        if not answer.done():
            answer.set_result(result) if error is None else answer.set_exception(error)

    def run():
        result = error = None
        try:
            result = work()
        except Exception as raised:
            error = raised
        finally:
            at_end()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(settle, result, error)

    threading.Thread(target=run, name="autocached-browser", daemon=True).start()
    return await answer


async def _read(request, most: int) -> bytes | None:
    """The body, or None when it is longer than `most` bytes. At most that much is kept in memory."""
    if (request.content_length or 0) > most:
        return None
    body = bytearray()
    async for part in request.content.iter_chunked(1 << 16):
        body += part
        if len(body) > most:
            return None
    return bytes(body)


def _is_free(body: bytes) -> bool:
    """Whether ComfyUI is to unload its models, so that the next prompt loads copies."""
    with contextlib.suppress(ValueError):
        return json.loads(body) == {"free": True}
    return False


def _fresh_in(body: bytes) -> str | None:
    """The page whose next prompt is to run all of its nodes."""
    with contextlib.suppress(ValueError):
        asked = json.loads(body)
        if isinstance(asked, dict) and len(asked) == 1 and isinstance(asked.get("fresh"), str):
            return asked["fresh"][:100]
    return None


def _change_in(body: bytes) -> tuple[str, dict] | None:
    """The daemon's route and the body for it, or None when a page cannot make this change."""
    try:
        asked = json.loads(body)
    except ValueError:
        return None
    if not isinstance(asked, dict) or len(asked) != 1:
        return None
    [(what, value)] = asked.items()
    if what == "mode":
        return ("/api/cache/config", {"mode": value}) if value in _MODES else None
    if what not in _CHANGES or not isinstance(value, list) or not all(isinstance(name, str) for name in value):
        return None
    return _CHANGES[what], {"names": value}
