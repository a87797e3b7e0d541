"""ComfyUI's progress bar: each move looks first whether the prompt is to end."""

from comfy import model_management

moves = []
# Called before each move.
before_move = None


class ProgressBar:
    def __init__(self, total, node_id=None):
        self.node_id = node_id

    def update_absolute(self, value, total=None, preview=None):
        if before_move:
            before_move()
        model_management.throw_exception_if_processing_interrupted()
        moves.append((self.node_id, value, total))
