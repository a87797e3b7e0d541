"""The plan of what ComfyUI is given, against a model of how ComfyUI queues nodes."""

import random
import unittest

from memo_case import MemoCase


def runs(prompt, targets, there):
    """The nodes that ComfyUI executes: it queues targets and what they lack, and executes those without an output."""
    queued, waiting = set(), list(targets)
    while waiting:
        node = waiting.pop()
        if node not in queued:
            queued.add(node)
            waiting += [source for source in links(prompt, node) if source not in there]
    return queued - there


def links(prompt, node):
    return [value[0] for value in prompt[node]["inputs"].values() if isinstance(value, list)]


def random_prompt(make):
    count = make.randrange(1, 14)
    return {
        str(at): {"class_type": "N", "inputs": {"i%d" % k: [str(make.randrange(at)), 0] for k in range(make.randrange(4)) if at} | {"constant": at}}
        for at in range(count)
    }


class Plan(MemoCase):
    def setUp(self):
        super().setUp()
        self.plan = self.module("plan").plan

    def test_nothing_more_runs_and_nothing_more_is_read_than_must_be(self):
        make = random.Random(7)
        for _ in range(5_000):
            prompt = random_prompt(make)
            nodes = list(prompt)
            targets = make.sample(nodes, make.randrange(1, len(nodes) + 1))
            hits = {node for node in nodes if make.random() < 0.5}
            local = {node for node in nodes if make.random() < 0.2}
            given = self.plan(prompt, targets, hits, local)
            self.assertLessEqual(given, hits - local)
            executed = runs(prompt, targets, given | local)
            # Besides targets, which run again when something before them does.
            self.assertEqual(executed - set(targets), runs(prompt, targets, hits | local) - set(targets))
            for node in given:
                without = runs(prompt, targets, (given | local) - {node})
                self.assertGreater(without, executed, "it was given for nothing")
            for target in set(targets) & hits - local - given:
                self.assertTrue(set(links(prompt, target)) - given - local, "it was left out although nothing has to run for it")

    def test_the_sources_of_an_output_that_is_known_are_given_and_so_nothing_runs(self):
        prompt = {
            "loader": {"class_type": "L", "inputs": {}},
            "use": {"class_type": "U", "inputs": {"model": ["loader", 0]}},
            "save": {"class_type": "S", "inputs": {"images": ["use", 0]}},
        }
        self.assertEqual(self.plan(prompt, ["save"], {"use", "save"}, set()), {"use", "save"})
        self.assertEqual(self.plan(prompt, ["save"], {"use"}, set()), {"use"})
        # Its source runs, and so it runs as well.
        self.assertEqual(self.plan(prompt, ["save"], {"save"}, set()), set())
        self.assertEqual(self.plan(prompt, ["save"], {"save", "use"}, {"use"}), {"save"})

    def test_links_to_nothing_and_targets_that_are_not_there(self):
        prompt = {"a": {"class_type": "A", "inputs": {"x": ["gone", 0]}}}
        self.assertEqual(self.plan(prompt, ["a", "b"], {"a", "gone"}, set()), set())


if __name__ == "__main__":
    unittest.main()
