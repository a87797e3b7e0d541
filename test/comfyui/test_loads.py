"""The time of a load is shared by the files of a node, begins when it has its paths, and counts only when the node succeeds."""

import importlib

from fake_comfyui import ComfyTest

ONE, TWO = ({"prompt": "p", "node": node} for node in "12")


class Loads(ComfyTest):
    def setUp(self):
        super().setUp()
        self.start_shim()
        self.now, self.told = 0.0, []
        module = importlib.import_module("autocached_comfyui.loads")
        self.loads = module.Loads(self.told.append, clock=lambda: self.now)
        self.small, self.large = (self.make_file("ssd", name, content=b"x" * size) for name, size in (("small", 100), ("large", 300)))

    def test_of_several_files_each_has_a_share_by_its_size(self):
        self.loads.began(ONE, self.small)
        # It waits for its second copy.
        self.now = 5.0
        self.loads.began(ONE, self.large)
        self.now = 5.4
        self.loads.ended("p", "1")
        self.assertEqual([[(path, round(ms)) for path, ms in loads] for loads in self.told], [[(self.small, 100), (self.large, 300)]])

    def test_nodes_are_told_apart_and_each_load_is_told_once(self):
        self.loads.began(ONE, self.small)
        self.loads.began(TWO, self.large)
        self.now = 1.0
        for _ in range(2):
            self.loads.ended("p", "2")
        self.loads.ended("other", "1")
        self.assertEqual(self.told, [[(self.large, 1000.0)]])

    def test_a_node_that_fails_has_loaded_nothing(self):
        self.loads.began(ONE, self.small)
        self.loads.forget("p")
        self.loads.ended("p", "1")
        self.assertEqual(self.told, [])

    def test_odd_cases_are_not_told(self):
        self.loads.began({"app": "comfyui"}, self.small)
        self.loads.began(ONE, self.small + " is gone")
        self.loads.ended("p", "1")
        self.loads.ended("p", "2")
        self.assertEqual([loads for loads in self.told if loads], [])
