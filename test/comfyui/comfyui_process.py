"""
A ComfyUI in a process of its own, with the shim and whatever daemon AUTOCACHE_STATE leads to. Model folders lie below MODELS, one for
each category. Reads commands from stdin, one JSON array a line (a method of Commands and its arguments), and answers each with a line.
"""

import contextlib
import hashlib
import importlib
import json
import os
import sys
import threading

from fake_comfyui import FAKE, SHIM, ComfyTest, forget


class Process(ComfyTest):
    """The harness of the shim's own tests, without a test."""

    def __init__(self, models):
        super().__init__()
        self.models = models

    def runTest(self):
        raise NotImplementedError

    def begin(self):
        sys.path.insert(0, FAKE)
        forget("folder_paths")
        import folder_paths

        self.folder_paths = folder_paths
        for category in sorted(os.listdir(self.models)):
            folder_paths.folder_names_and_paths[category] = ([os.path.join(self.models, category)], set())
        self.start_shim(SHIM)


class Commands:
    def __init__(self, process):
        self.process = process
        # What nodes have put out and ComfyUI keeps from one prompt to the next.
        self.outputs = {}

    def select(self, category, name):
        """The first prompt: a node puts out the path of a model (as DiffusionModelSelector of KJNodes does), and ComfyUI keeps it."""
        path = self.outputs[(category, name)] = self.process.load(category, name)
        return path

    def load_selected(self, category, name):
        """The next prompt: another node opens the path, which was kept. The SHA-256 of what it reads."""
        return sha256(self.outputs[(category, name)])

    def load(self, category, name):
        """A loader finds and opens a model. The SHA-256 of what it reads."""
        return sha256(self.process.load(category, name))

    def load_as(self, node_class, category, name):
        """A node of this class asks for a model in a prompt that runs. The path that it gets."""
        server = sys.modules["server"].PromptServer
        queue = (server.instance or server(None)).prompt_queue
        queue.put((0, "prompt-1", {"4": {"class_type": node_class, "inputs": {}}}, {}, ["4"], {}))
        queue.get()
        try:
            return self.process.load(category, name)
        finally:
            queue.task_done()

    def beside(self, category, name):
        """What a node that loads the model finds beside it, by name."""
        folder = os.path.dirname(self.process.load(category, name))
        found = {}
        for other in sorted(os.listdir(folder)):
            if other != os.path.basename(name) and not os.path.isdir(os.path.join(folder, other)):
                with open(os.path.join(folder, other), encoding="latin-1") as file:
                    found[other] = file.read()
        return found

    def write_beside(self, category, name, other, text):
        """A node that loads the model saves something beside it."""
        with open(os.path.join(os.path.dirname(self.process.load(category, name)), other), "w", encoding="utf-8") as file:
            file.write(text)
            return file.name

    def queue(self, prompt):
        """A prompt is queued, and the shim has dealt with it."""
        sys.modules["autocached_comfyui.hook"]._prefetch.on_prompt({"prompt": prompt})
        for thread in ("autocached-prefetch", "autocached-offline"):
            self.process.finish(thread)

    def run(self, prompt, prompt_id, node, files):
        """A prompt runs, and a node of it looks up models by category and name; the shim has told the daemon which prompt that is."""
        queue = importlib.import_module("server").PromptServer(None).prompt_queue
        queue.currently_running = {0: (1, prompt_id, prompt, {}, [node])}
        paths = [self.process.in_node(lambda: self.process.nodes.load(*file), prompt_id, node) for file in files]
        self.process.finish("autocached-prefetch")
        return paths

    def find_embedding(self, name):
        """As ComfyUI looks for an embedding of a text: in the folders of the category. The SHA-256 of what it reads, or None."""
        for folder in self.process.folder_paths.folder_names_and_paths["embeddings"][0]:
            path = os.path.join(folder, name)
            if os.path.isfile(path):
                return sha256(path)
        return None

    def threads(self):
        return [thread.name for thread in threading.enumerate()]


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def main():
    # Whatever prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "w")
    with contextlib.redirect_stdout(sys.stderr):
        process = Process(os.environ["MODELS"])
        process.begin()
        commands = Commands(process)
        print(json.dumps("ready"), file=answers, flush=True)
        for line in sys.stdin:
            name, *arguments = json.loads(line)
            try:
                answer = {"value": getattr(commands, name)(*arguments)}
            except Exception as error:
                answer = {"error": "%s: %s" % (type(error).__name__, error)}
            print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    main()
