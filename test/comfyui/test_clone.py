"""The repository cloned into custom_nodes, as ComfyUI-Manager does it, and what the sidebar says while no daemon runs."""

import asyncio
import importlib
import importlib.util
import json
import os
import shutil
import sys
import unittest

from fake_comfyui import SHIM, ComfyTest
from test_browser import PAGE, Request

REPOSITORY = os.path.dirname(SHIM)


class AClone(ComfyTest):
    def setUp(self):
        super().setUp()
        self.clone = self.make_folder("custom_nodes", "autocached")
        for name in ("__init__.py", "prestartup_script.py", "package.json", "setup.mjs"):
            shutil.copy(os.path.join(REPOSITORY, name), self.clone)
        shutil.copytree(SHIM, os.path.join(self.clone, "comfyui"), ignore=shutil.ignore_patterns("__pycache__"))
        self.server = importlib.import_module("server").PromptServer(None)

    def run_file(self, path):
        """As ComfyUI names the modules of packs: the package has to find its own parts."""
        if os.path.basename(path) != "__init__.py":
            return super().run_file(path)
        name = os.path.dirname(path).replace(".", "_x_")
        spec = importlib.util.spec_from_file_location(name, path)
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        self.addCleanup(lambda: [sys.modules.pop(loaded) for loaded in list(sys.modules) if loaded.startswith(name)])
        spec.loader.exec_module(module)
        return module

    def test_it_is_the_same_pack_as_an_installed_one(self):
        module = self.start_shim(self.clone)
        self.assertIsNot(self.folder_paths.get_full_path, self.original)
        self.assertIn("AutocachedPath", module.NODE_CLASS_MAPPINGS)
        self.assertEqual(set(module.NODE_CLASS_MAPPINGS), set(module.NODE_DISPLAY_NAME_MAPPINGS))
        self.assertTrue(os.path.isfile(os.path.join(self.clone, module.WEB_DIRECTORY, "autocached.js")))
        self.assertIn(("GET", "/autocached/state"), self.server.routes.handlers)

    def test_the_sidebar_gives_the_command_that_starts_the_daemon_from_the_clone(self):
        self.start_shim(self.clone)
        response = asyncio.run(self.server.routes.handlers["GET", "/autocached/help"](Request(PAGE)))
        answer = json.loads(response.text)
        self.assertEqual(answer["commands"], ["npm --prefix %s start" % self.clone])

    def test_another_machine_is_not_told_where_the_clone_lies(self):
        self.start_shim(self.clone)
        response = asyncio.run(self.server.routes.handlers["GET", "/autocached/help"](Request(PAGE, peer="10.0.0.7")))
        self.assertEqual(response.status, 403)
        self.assertNotIn(self.clone, response.text)


class TheCommands(ComfyTest):
    def help(self, here="/ComfyUI/custom_nodes/autocached", env={}, platform="linux", found=("npm",)):
        self.start_shim()
        start_help = importlib.import_module("autocached_comfyui.start_help").start_help
        return start_help(here, env, platform, lambda name: "/bin/" + name if name in found else None)

    def test_install_and_start_when_nothing_is_there(self):
        self.assertEqual(self.help()["commands"], ["npm install -g autocached", "autocached start --detach"])

    def test_start_only_when_it_is_installed(self):
        self.assertEqual(self.help(found=("autocached",)), {"says": "To start it, in a terminal:", "commands": ["autocached start --detach"]})

    def test_node_first_when_there_is_none(self):
        self.assertIn("install Node 22.22", self.help(found=())["says"])

    def test_a_folder_with_a_space_is_quoted_for_the_shell_of_the_system(self):
        clone = self.make_folder("my nodes", "autocached")
        for name in ("package.json", "setup.mjs"):
            shutil.copy(os.path.join(REPOSITORY, name), clone)
        here = os.path.join(clone, "comfyui")
        self.assertEqual(self.help(here)["commands"], ["npm --prefix '%s' start" % clone])
        self.assertEqual(self.help(here, platform="win32")["commands"], ['npm --prefix "%s" start' % clone])

    def test_no_command_for_a_daemon_in_another_container(self):
        self.assertEqual(self.help(env={"AUTOCACHE_URL": "http://autocached:8389"})["commands"], [])


if __name__ == "__main__":
    unittest.main()
