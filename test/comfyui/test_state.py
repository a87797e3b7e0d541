"""Where the daemon is looked for."""

import os
import sys

from fake_comfyui import SHIM, ComfyTest


class Settings(ComfyTest):
    def setUp(self):
        super().setUp()
        self.start_shim()
        state = sys.modules["autocached_comfyui.state"]
        self.find = state.state_directory
        self.home = os.path.expanduser("~")

    def test_each_platform_has_its_place(self):
        def find(env, platform):
            return self.find(self.dir, env, platform)

        self.assertEqual(find({}, "linux"), os.path.join(self.home, ".local", "state", "autocached"))
        self.assertEqual(find({"XDG_STATE_HOME": "/x"}, "linux"), os.path.join("/x", "autocached"))
        self.assertEqual(find({}, "darwin"), os.path.join(self.home, "Library", "Application Support", "autocached"))
        self.assertEqual(find({"LOCALAPPDATA": "L"}, "win32"), os.path.join("L", "autocached", "State"))

    def test_the_directory_noted_at_installation_is_found_whatever_the_environment_of_comfyui(self):
        self.make_file("autocached_state.txt", content="/var/lib/größe\n".encode("utf-8"))
        self.assertEqual(self.find(self.dir, {"XDG_STATE_HOME": "/x"}, "linux"), os.path.abspath("/var/lib/größe"))

    def test_what_the_environment_names_comes_first(self):
        self.make_file("autocached_state.txt", content=b"/noted\n")
        self.assertEqual(self.find(self.dir, {"AUTOCACHE_STATE": self.state}, "linux"), self.state)

    def test_a_note_that_cannot_be_read_is_passed_over(self):
        self.make_file("autocached_state.txt", content=b"\xff\xfe\n")
        self.assertEqual(self.find(self.dir, {"XDG_STATE_HOME": "/x"}, "linux"), os.path.join("/x", "autocached"))

    def test_the_shim_in_the_package_carries_no_note(self):
        self.assertFalse(os.path.exists(os.path.join(SHIM, "autocached_state.txt")))
