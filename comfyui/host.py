"""What ComfyUI tells about itself. Its modules are only looked at, never imported, so that their order stays its own."""

from __future__ import annotations

import asyncio
import os
import sys
import threading

# What the daemon calls ComfyUI.
APP = "comfyui"
# Modules of ComfyUI that look up paths without loading a model for a node: HTTP routes, the asset scanner, previews.
_NOT_LOADERS = ("server", "latent_preview", "app")
# Folders that ComfyUI keeps beside its model folders and that hold no weights.
NOT_MODELS = ("custom_nodes", "configs")


def client_of(frame) -> dict | None:
    """Who asks, when that is a node of a running prompt (`frame` called get_full_path); None for everybody else."""
    if _caller(frame) in _NOT_LOADERS or _on_event_loop():
        return None
    client = {"app": APP, "pid": os.getpid()}
    executing = getattr(sys.modules.get("comfy_execution.utils"), "get_executing_context", None)
    if executing is None:
        # ComfyUI before July 2025: nodes run in a thread of their own, everything else in the main thread.
        return None if threading.current_thread() is threading.main_thread() else client
    context = executing()
    if context is None:
        return None
    asker = dict(client, prompt=str(context.prompt_id), node=str(context.node_id))
    node_class = _class_of(asker["prompt"], asker["node"])
    return asker if node_class is None else dict(asker, nodeClass=node_class)


def model_folders(folder_paths) -> list[dict]:
    """ComfyUI's model folders, as POST /api/roots takes them."""
    pairs = {
        (os.path.abspath(folder), category)
        for category, entry in list(folder_paths.folder_names_and_paths.items())
        if category not in NOT_MODELS
        for folder in entry[0]
    }
    return [{"path": path, "category": category} for path, category in sorted(pairs)]


def prompts_left() -> bool:
    """True while a prompt runs or waits in the queue."""
    try:
        return _prompt_queue().get_tasks_remaining() > 0
    except Exception:
        return False


def idle_since_prompt() -> int | None:
    """How many prompts ComfyUI has begun, when none runs or waits; None when one does or that cannot be told."""
    queue = _prompt_queue()
    try:
        return queue.task_counter if queue.get_tasks_remaining() == 0 else None
    except Exception:
        return None


def free_models() -> bool:
    """
    Has ComfyUI unload its models and forget what nodes have put out, as its own route POST /free does: its worker does so between
    prompts, never while one runs. False when this ComfyUI cannot be asked to.
    """
    queue = _prompt_queue()
    try:
        queue.set_flag("unload_models", True)
        queue.set_flag("free_memory", True)
    except Exception:
        return False
    return True


def is_executing_node() -> bool:
    """
    True when the calling thread is in the function of a node, where ComfyUI expects that a prompt ends. Other methods of a node
    (IS_CHANGED) run in the same thread with the same context, and there such an end would be that of the thread.
    """
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == "get_output_data" and frame.f_globals.get("__name__") == "execution":
            return True
        frame = frame.f_back
    return False


def is_interruption(error: BaseException) -> bool:
    """True for what ComfyUI raises to end an interrupted prompt; in old versions it is an Exception like others."""
    return type(error).__name__ == "InterruptProcessingException"


def _prompt_queue():
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return getattr(server, "prompt_queue", None)


def _class_of(prompt_id: str, node_id: str) -> str | None:
    """The class of a node of the prompt that runs; None for one that another node has made, and where ComfyUI does not tell."""
    try:
        running = list(_prompt_queue().currently_running.values())
        prompt = next(item[2] for item in running if item[1] == prompt_id)
        found = prompt[node_id]["class_type"]
    except Exception:
        return None
    return found if isinstance(found, str) else None


def _caller(frame) -> str:
    """The top-level package of the calling module; get_full_path_or_raise in folder_paths only hands the question on."""
    while frame is not None and frame.f_globals.get("__name__") == "folder_paths":
        frame = frame.f_back
    return "" if frame is None else str(frame.f_globals.get("__name__")).partition(".")[0]


def _on_event_loop() -> bool:
    """
    True on the server's event loop, which must not wait for anything. The thread that executes prompts has a running loop
    of its own, so that a loop runs is not enough to tell.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return False
    server = getattr(getattr(sys.modules.get("server"), "PromptServer", None), "instance", None)
    return loop is getattr(server, "loop", None) or threading.current_thread() is threading.main_thread()
