"""ComfyUI's progress of nodes, as version 0.33 has it."""

from abc import ABC


class ProgressHandler(ABC):
    def __init__(self, name):
        self.name = name
        self.enabled = True

    def set_registry(self, registry):
        pass

    def start_handler(self, node_id, state, prompt_id):
        pass

    def finish_handler(self, node_id, state, prompt_id):
        pass


class ProgressRegistry:
    def __init__(self, prompt_id):
        self.prompt_id = prompt_id
        self.handlers = {}

    def start_progress(self, node_id):
        for handler in self.handlers.values():
            if handler.enabled:
                handler.start_handler(node_id, {}, self.prompt_id)

    def finish_progress(self, node_id):
        for handler in self.handlers.values():
            if handler.enabled:
                handler.finish_handler(node_id, {}, self.prompt_id)


_registry = ProgressRegistry("")


def reset_progress_state(prompt_id):
    global _registry
    _registry = ProgressRegistry(prompt_id)


def add_progress_handler(handler):
    handler.set_registry(_registry)
    _registry.handlers[handler.name] = handler


def get_progress_state():
    return _registry
