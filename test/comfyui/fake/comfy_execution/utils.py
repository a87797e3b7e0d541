"""ComfyUI's context of the node that is being executed."""

import contextlib
import contextvars
from typing import NamedTuple, Optional


class ExecutionContext(NamedTuple):
    prompt_id: str
    node_id: str
    list_index: Optional[int]


_current = contextvars.ContextVar("current_executing_context", default=None)


def get_executing_context():
    return _current.get()


@contextlib.contextmanager
def CurrentNodeContext(prompt_id, node_id, list_index=None):
    token = _current.set(ExecutionContext(prompt_id, node_id, list_index))
    try:
        yield
    finally:
        _current.reset(token)
