"""ComfyUI's state, read from its modules. They are never imported here, so that ComfyUI keeps their order."""

from __future__ import annotations

import asyncio
import os
import sys
import threading
from typing import NamedTuple

# ComfyUI's name in requests to the daemon.
APP = "comfyui"
# These modules of ComfyUI look up paths but load no model for a node: HTTP routes, previews, the asset scanner.
_NOT_LOADERS = ("server", "latent_preview", "app")
# Folders among ComfyUI's model folders that hold no weights.
NOT_MODELS = ("custom_nodes", "configs")


def client_of(frame) -> dict | None:
    """Describes the node of a running prompt that asks. None for other callers. `frame` is the caller of get_full_path."""
    if _caller(frame) in _NOT_LOADERS or _on_event_loop():
        return None
    client = {"app": APP, "pid": os.getpid()}
    executing = getattr(sys.modules.get("comfy_execution.utils"), "get_executing_context", None)
    if executing is None:
        # ComfyUI before July 2025 runs nodes in a thread of their own, and everything else in the main thread.
        return None if threading.current_thread() is threading.main_thread() else client
    context = executing()
    if context is None:
        return None
    asker = dict(client, prompt=str(context.prompt_id), node=str(context.node_id))
    node_class = _class_of(asker["prompt"], asker["node"])
    return asker if node_class is None else dict(asker, nodeClass=node_class)


def model_folders(folder_paths) -> list[dict]:
    """ComfyUI's model folders in the form of POST /api/roots."""
    pairs = {
        (os.path.abspath(folder), category)
        for category, entry in list(folder_paths.folder_names_and_paths.items())
        if category not in NOT_MODELS
        for folder in entry[0]
    }
    return [{"path": path, "category": category} for path, category in sorted(pairs)]


class QueuedPrompt(NamedTuple):
    """A prompt that ComfyUI has accepted. `outputs` are the ids of its valid output nodes, None when unknown."""

    id: str
    prompt: dict
    outputs: list | None


def running_prompt(prompt_id: str | None = None) -> QueuedPrompt | None:
    """The running prompt, or None. With an id, only the prompt with this id."""
    try:
        running = map(_queued, list(_prompt_queue().currently_running.values()))
        return next((found for found in running if prompt_id in (None, found.id)), None)
    except Exception:
        return None


def waiting_prompts() -> list[QueuedPrompt] | None:
    """The waiting prompts in no order. None when unknown."""
    try:
        queue = _prompt_queue()
        # ComfyUI holds the mutex until a prompt that leaves the queue is listed as running.
        with queue.mutex:
            return [_queued(item) for item in queue.queue]
    except Exception:
        return None


def prompts_left() -> bool:
    """True while a prompt runs or waits in the queue."""
    try:
        return _prompt_queue().get_tasks_remaining() > 0
    except Exception:
        return False


def idle_since_prompt() -> int | None:
    """The number of prompts that ComfyUI has begun. None while a prompt runs or waits, and when unknown."""
    queue = _prompt_queue()
    try:
        return queue.task_counter if queue.get_tasks_remaining() == 0 else None
    except Exception:
        return None


def begun_prompts() -> int | None:
    """The number of prompts that ComfyUI has begun, with the running one. None when unknown."""
    return getattr(_prompt_queue(), "task_counter", None)


def keeps_only_last() -> bool:
    """True when ComfyUI forgets the outputs of a prompt that the next one does not have."""
    return bool(getattr(getattr(sys.modules.get("comfy.cli_args"), "args", None), "cache_classic", True))


def free_models() -> bool:
    """
    Makes ComfyUI unload its models and drop cached outputs, as its route POST /free does. Its worker does so between prompts. False when
    this ComfyUI has no such function.
    """
    queue = _prompt_queue()
    try:
        queue.set_flag("unload_models", True)
        queue.set_flag("free_memory", True)
    except Exception:
        return False
    return True


def show_given(prompt_id: str, nodes: list[str]) -> None:
    """Tells the page that sent the running prompt which of its nodes need not run, because their outputs were kept. Never raises."""
    try:
        server = sys.modules["server"].PromptServer.instance
        if nodes and server.client_id is not None:
            server.send_sync("autocached.memo", {"prompt_id": prompt_id, "nodes": nodes}, server.client_id)
    except Exception:
        # Only the note on the page is missing.
        return


def is_executing_node() -> bool:
    """
    True inside the function of a node, where ComfyUI handles an interruption. Other methods of a node (IS_CHANGED) run in the same thread
    with the same context, and an interruption there would end the thread.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "get_output_data" and frame.f_globals.get("__name__") == "execution":
            return True
        frame = frame.f_back
    return False


def asks_for_metadata(frame) -> bool:
    """True for the function of ComfyUI's server that answers with the metadata of a model. It reads the header and nothing else."""
    return frame.f_code.co_name == "view_metadata" and frame.f_globals.get("__name__") == "server"


def is_interruption(error: BaseException) -> bool:
    """True for ComfyUI's exception that ends an interrupted prompt. In old versions it derives from Exception."""
    return type(error).__name__ == "InterruptProcessingException"


def _prompt_queue():
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return getattr(server, "prompt_queue", None)


def _queued(item: tuple) -> QueuedPrompt:
    outputs = item[4] if len(item) > 4 and isinstance(item[4], list) else None
    return QueuedPrompt(item[1], item[2], outputs)


def _class_of(prompt_id: str, node_id: str) -> str | None:
    """The class of a node of the running prompt. None for nodes that other nodes have created, and when ComfyUI does not tell."""
    try:
        found = running_prompt(prompt_id).prompt[node_id]["class_type"]
    except Exception:
        return None
    return found if isinstance(found, str) else None


def _caller(frame) -> str:
    """The top-level package of the calling module. get_full_path_or_raise in folder_paths is skipped: it only forwards."""
    while frame is not None and frame.f_globals.get("__name__") == "folder_paths":
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__")).partition(".")[0]


def _on_event_loop() -> bool:
    """
    True on the server's event loop, which must never block. A running loop alone is no proof: the thread that executes prompts has one
    too.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return loop is getattr(server, "loop", None) or threading.current_thread() is threading.main_thread()
