"""ComfyUI's server: its event loop, its queue, and the route that reads the header of a model."""

import folder_paths
from aiohttp import web


class PromptQueue:
    tasks = 0
    task_counter = 0

    def __init__(self):
        self.flags = {}

    def set_flag(self, name, data):
        self.flags[name] = data

    def get_tasks_remaining(self):
        return self.tasks


class PromptServer:
    instance = None

    def __init__(self, loop):
        PromptServer.instance = self
        self.loop = loop
        self.client_id = "browser"
        self.prompt_queue = PromptQueue()
        self.on_prompt_handlers = []
        self.texts = []
        self.routes = web.RouteTableDef()

    def add_on_prompt_handler(self, handler):
        self.on_prompt_handlers.append(handler)

    def trigger_on_prompt(self, json_data):
        for handler in self.on_prompt_handlers:
            json_data = handler(json_data)
        return json_data

    def send_progress_text(self, text, node_id, sid=None):
        self.texts.append((text, node_id, sid))


async def view_metadata(folder_name, filename):
    return folder_paths.get_full_path(folder_name, filename)
