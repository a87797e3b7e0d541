"""ComfyUI's server: its event loop, and the route that reads the header of a model."""

import folder_paths


class PromptServer:
    instance = None

    def __init__(self, loop):
        PromptServer.instance = self
        self.loop = loop


async def view_metadata(folder_name, filename):
    return folder_paths.get_full_path(folder_name, filename)
