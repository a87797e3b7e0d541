"""ComfyUI's server: its event loop, its queue, and the route that reads the header of a model."""

import copy
import json
import threading
from collections import namedtuple

import folder_paths
from aiohttp import web


Response = namedtuple("Response", "status text", defaults=[""])


class PromptQueue:
    tasks = 0
    task_counter = 0

    def __init__(self):
        self.flags = {}
        # Items: number, id, prompt, extra data, ids of the outputs, what is secret.
        self.queue = []
        self.mutex = threading.RLock()
        self.currently_running = {}

    def put(self, item):
        self.queue.append(item)

    def get(self):
        """The worker takes the next prompt; what others see of it from then on is a copy."""
        item = self.queue.pop(0)
        self.currently_running[self.task_counter] = copy.deepcopy(item)
        self.task_counter += 1
        return item

    def task_done(self):
        self.currently_running.clear()

    def set_flag(self, name, data):
        self.flags[name] = data

    def get_tasks_remaining(self):
        return self.tasks + len(self.queue) + len(self.currently_running)


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

    async def post_prompt(self, json_data, outputs=()):
        """`POST /prompt` as aiohttp serves it, in a task of its own; `outputs` are those that pass the validation."""
        json_data = self.trigger_on_prompt(json_data)
        if not outputs:
            return Response(400), False
        number = len(self.prompt_queue.queue)
        prompt_id = json_data.get("prompt_id") or "given-%d" % (self.prompt_queue.task_counter + number)
        self.prompt_queue.put((number, prompt_id, json_data["prompt"], {}, list(outputs), {}))
        return Response(200, json.dumps({"prompt_id": prompt_id, "number": number, "node_errors": {}})), False

    def send_progress_text(self, text, node_id, sid=None):
        self.texts.append((text, node_id, sid))


async def view_metadata(folder_name, filename):
    return folder_paths.get_full_path(folder_name, filename)
