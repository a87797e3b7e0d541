"""Copies are made before a prompt runs only of what it will really load: not for a refused one, nor for what ComfyUI has cached."""

import asyncio
import importlib
import json
import sys
import unittest
import unittest.mock

from fake_comfyui import SHIM, ComfyTest, in_thread
from fake_daemon import FakeDaemon


def loader(name):
    return {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": name}}


def user(source, **inputs):
    return {"class_type": "User", "inputs": {"model": [source, 0], **inputs}}


class Queueing(ComfyTest):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.state)
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.server = importlib.import_module("server").PromptServer(None)
        self.queue = self.server.prompt_queue
        # A prompt has run before: some outputs can be cached.
        self.queue.task_counter = 1
        self.prepare_comfyui()
        self.start_shim()

    def prepare_comfyui(self):
        self.providers = importlib.import_module("comfy_execution.cache_provider")

    def submit(self, prompt, outputs=("out",), **more):
        """A browser sends a prompt, which ComfyUI accepts for these outputs, or refuses when there are none."""

        async def serve():
            answer = await asyncio.create_task(self.server.post_prompt({"prompt": prompt, **more}, outputs))
            # What waits for its end is called.
            await asyncio.sleep(0)
            return answer

        status = asyncio.run(serve())[0].status
        self.finish("autocached-prefetch")
        return status

    def replace_prompts_by(self, replacement):
        """A pack whose handler runs after the shim's, and returns another request."""
        self.server.add_on_prompt_handler(lambda json_data: dict(json_data, prompt=json.loads(json.dumps(replacement))))

    def run_next(self, cached=(), runs=(), is_changed=None):
        """
        The worker executes the next prompt as ComfyUI does: it asks for the outputs of all nodes that it lacks and for which it has a
        key, and again for each of them before it runs.
        """
        _, prompt_id, prompt, _, outputs, _ = self.queue.get()
        context, given = self.providers.CacheContext, []

        async def ask(node):
            for provider in self.providers._get_cache_providers():
                asked = context(node, prompt[node]["class_type"], "")
                if provider.should_cache(asked):
                    given.append(await provider.on_lookup(asked))

        async def execute():
            for provider in self.providers._get_cache_providers():
                provider.on_prompt_start(prompt_id)
            for node, told in (is_changed or {}).items():
                prompt[node]["is_changed"] = told
            await asyncio.gather(*(ask(node) for node in prompt if node not in cached))
            for node in runs:
                await ask(node)
            for provider in self.providers._get_cache_providers():
                provider.on_prompt_end(prompt_id)

        in_thread(lambda: asyncio.run(execute()))
        self.queue.task_done()
        self.finish("autocached-prefetch")
        return given

    def told(self):
        keys = ("promptId", "partial_execution_targets", "cachedNodes")
        return [tuple(body.get(key) for key in keys) for body in self.daemon.prefetches]

    def registered(self):
        return len(self.providers._get_cache_providers())


class Accepted(Queueing):
    prompt = {"a": loader("a.safetensors"), "b": loader("b.safetensors"), "out": user("a"), "other": user("b")}

    def prepare_comfyui(self):
        """One that caches nothing that it tells of."""

    def test_nothing_is_copied_for_a_prompt_that_comfyui_refuses(self):
        self.assertEqual(self.submit(self.prompt, outputs=()), 400)
        self.assertEqual(self.daemon.prefetches, [])

    def test_a_prompt_that_another_pack_replaces_is_copied_for_as_comfyui_runs_it(self):
        replacement = {"c": loader("c.safetensors"), "out": user("c")}
        self.replace_prompts_by(replacement)
        for more in ({"prompt_id": "b1"}, {}):
            with self.subTest(more):
                self.daemon.prefetches.clear()
                self.submit(self.prompt, **more)
                self.assertEqual([told["prompt"] for told in self.daemon.prefetches], [replacement])
                self.assertEqual(self.daemon.prefetches[0]["promptId"], self.queue.queue[-1][1])

    def test_of_a_prompt_that_is_refused_in_part_only_the_rest_is_copied(self):
        prefetch = sys.modules["autocached_comfyui.hook"]._prefetch
        # An embedding that one of its texts names is away.
        prefetch._checked = lambda prompt: {**prompt, "b": {"class_type": "AutocachedRefusal", "inputs": {}}}
        self.submit(self.prompt)
        self.assertEqual(self.told(), [("given-1", ["out"], None)])
        self.assertEqual(self.daemon.prefetches[0]["prompt"]["b"]["class_type"], "AutocachedRefusal")

    def test_names_of_models_that_are_away_come_back_with_a_refused_prompt(self):
        prefetch = sys.modules["autocached_comfyui.hook"]._prefetch
        heard = []
        prefetch._heard = lambda: heard.append(True)
        self.submit(self.prompt, outputs=())
        self.assertEqual(heard, [True])

    def test_the_daemon_hears_for_which_outputs_an_accepted_prompt_runs_and_its_id(self):
        self.submit(self.prompt, partial_execution_targets=["out", "other"])
        self.assertEqual(self.told(), [("given-1", ["out"], None)])
        self.assertEqual(self.daemon.prefetches[0]["prompt"], self.prompt)

    def test_a_prompt_that_runs_already_is_told_of_as_well(self):
        post = self.server.post_prompt

        async def post_and_run(*args):
            answer = await post(*args)
            self.queue.get()[2]["a"]["is_changed"] = [float("nan"), object()]
            return answer

        self.server.post_prompt = post_and_run
        self.submit(json.loads(json.dumps(self.prompt)))
        self.assertEqual(self.told(), [("given-1", ["out"], None)])
        self.assertEqual(self.daemon.prefetches[0]["prompt"], self.prompt)

    def test_an_answer_that_does_not_tell_leaves_the_queue_to_tell(self):
        importlib.import_module("server").Response = lambda *_: None
        for outputs, expected in (((), 0), (("out",), 1)):
            with self.subTest(outputs):
                asyncio.run(self.server.post_prompt({"prompt": self.prompt}, outputs))
                self.finish("autocached-prefetch")
                self.assertEqual(len(self.daemon.prefetches), expected)

    def test_a_comfyui_whose_queue_cannot_be_looked_at_has_all_of_its_prompts_prefetched(self):
        del self.queue.currently_running
        self.queue.queue = type("Closed", (), {"__len__": lambda _: 0})()
        self.queue.put = lambda item: None
        self.submit(self.prompt, prompt_id="b1", partial_execution_targets=["out"])
        self.assertEqual(self.told(), [("b1", ["out"], None)])

    def test_what_the_running_prompt_loads_is_not_copied_once_more_for_the_next_one(self):
        self.submit(self.prompt, outputs=["out"])
        self.queue.get()
        self.submit({**self.prompt, "out": user("a", seed=2)}, outputs=["out", "other"])
        # What the running one is not asked for does not run there.
        self.assertEqual(self.told()[1:], [("given-2", ["out", "other"], ["a"])])

    def test_what_needs_something_else_is_loaded_anew(self):
        self.submit({"a": loader("a.safetensors"), "l": user("a", lora="l.safetensors"), "out": user("l")})
        self.queue.get()
        self.submit({"a": loader("b.safetensors"), "l": user("a", lora="l.safetensors"), "out": user("l")})
        self.assertEqual(self.told()[1:], [("given-2", ["out"], None)])

    def test_a_comfyui_without_providers_says_so_once_and_all_nodes_are_prefetched(self):
        hook = sys.modules["autocached_comfyui.hook"]
        hook._prefetch._attached = False
        with self.one_log_line("INFO") as logs:
            for _ in range(2):
                self.run_file(SHIM + "/__init__.py")
        self.assertIn("does not tell what it has cached", logs.output[0])


class Cached(Queueing):
    prompt = {"a": loader("a.safetensors"), "b": loader("b.safetensors"), "mix": user("a", more=["b", 0]), "out": user("mix", seed=1)}

    def test_what_comfyui_has_cached_is_not_copied(self):
        self.submit(self.prompt)
        self.assertEqual(self.daemon.prefetches, [])
        given = self.run_next(cached=["a"], runs=["b", "mix", "out"])
        self.assertEqual(self.told(), [("given-1", ["out"], ["a"])])
        self.assertEqual(set(given), {None})
        self.assertEqual(self.registered(), 0)

    def test_when_all_of_it_is_cached_the_daemon_is_not_bothered(self):
        self.submit(self.prompt)
        self.run_next(cached=list(self.prompt))
        self.assertEqual((self.told(), self.registered()), ([], 0))

    def test_a_node_that_runs_each_time_is_copied_for_although_comfyui_does_not_ask_for_its_output(self):
        for told in ([float("nan")], float("nan"), [{"x": object()}]):
            with self.subTest(told):
                self.submit(json.loads(json.dumps(self.prompt)))
                del self.daemon.prefetches[:]
                self.run_next(cached=["b", "mix", "out"], runs=["a"], is_changed={"b": told})
                self.assertEqual([cached for *_, cached in self.told()], [None])

    def test_a_node_that_says_whether_it_has_changed_can_be_cached(self):
        self.submit(self.prompt)
        self.run_next(cached=["b"], runs=["a"], is_changed={"b": ["sha256 of a file"]})
        self.assertEqual(self.told(), [("given-1", ["out"], ["b"])])

    def test_a_refused_prompt_leaves_nothing_behind_in_comfyui(self):
        self.submit(self.prompt, outputs=())
        self.assertEqual((self.told(), self.registered()), ([], 0))

    def test_the_first_prompt_of_a_comfyui_is_prefetched_at_once(self):
        self.queue.task_counter = 0
        self.submit(self.prompt)
        self.assertEqual((self.told(), self.registered()), ([("given-0", ["out"], None)], 0))

    def test_a_prompt_behind_others_is_prefetched_while_they_run(self):
        self.submit({"x": user("y")}, outputs=["x"])
        self.queue.get()
        self.submit(self.prompt)
        self.assertEqual(self.told(), [("given-2", ["out"], None)])

    def test_another_prompt_that_comes_first_is_not_taken_for_it(self):
        self.submit(self.prompt)
        self.queue.queue.insert(0, (-1, "front", {"x": user("y")}, {}, ["x"], {}))
        self.run_next(runs=["x"])
        self.assertEqual((self.told(), self.registered()), ([("given-1", ["out"], None)], 0))

    def test_of_a_workflow_with_some_thirty_nodes_in_a_chain_what_is_cached_is_not_copied(self):
        chain = {str(n): user(str(n - 1), seed=n) for n in range(1, 30)}
        self.submit({"0": loader("a.safetensors"), **chain, "b": loader("b.safetensors"), "out": user("29", more=["b", 0])})
        self.run_next(cached=["0", *chain], runs=["b", "out"])
        self.assertEqual([set(cached) for *_, cached in self.told()], [{"0", *chain}])

    def test_a_long_chain_of_nodes_is_not_asked_about(self):
        # ComfyUI would compute a key from all that a node needs, for each node.
        chain = {str(n): user(str(n - 1)) for n in range(1, 60)}
        self.submit({"0": loader("a.safetensors"), **chain}, outputs=["59"])
        self.assertEqual((self.told(), self.registered()), ([("given-1", ["59"], None)], 0))

    def test_a_comfyui_that_was_told_to_cache_nothing_is_not_asked(self):
        arguments = importlib.import_module("types").ModuleType("comfy.cli_args")
        arguments.args = type("", (), {"cache_none": True})
        sys.modules["comfy.cli_args"] = arguments
        self.again()
        self.submit(self.prompt)
        self.assertEqual(self.told(), [("given-1", ["out"], None)])

    def again(self):
        """The node is loaded by a ComfyUI that has changed since."""
        prefetch = sys.modules["autocached_comfyui.hook"]._prefetch
        prefetch._will_run = sys.modules["autocached_comfyui.will_run"].WillRun()
        prefetch._will_run.attach()

    def test_another_packs_provider_is_left_alone(self):
        class Other(self.providers.CacheProvider):
            async def on_lookup(self, context):
                return "an output"

            async def on_store(self, context, value):
                pass

        self.providers.register_cache_provider(Other())
        self.submit(self.prompt)
        # What it has is not known.
        self.assertEqual((self.told(), self.registered()), ([("given-1", ["out"], None)], 1))
        self.assertEqual(set(self.run_next(cached=["a"], runs=["b"])), {"an output"})

    def test_no_output_is_taken_from_comfyui(self):
        provider = sys.modules["autocached_comfyui.hook"]._prefetch._will_run._provider
        self.assertFalse(provider.should_cache(self.providers.CacheContext("a", "", ""), "a value"))
        self.assertIsNone(asyncio.run(provider.on_store(None, None)))

    def test_an_error_of_ours_reaches_nobody_and_after_three_comfyui_is_not_watched_any_more(self):
        will_run = sys.modules["autocached_comfyui.hook"]._prefetch._will_run
        for count in range(3):
            self.submit(self.prompt)
            will_run._watch.asked = None
            if count < 2:
                with self.no_log_line():
                    self.run_next(runs=["a"])
        with self.one_log_line():
            self.run_next(runs=["a"])
        self.submit(self.prompt)
        self.assertEqual(self.told(), [("given-%d" % n, ["out"], None) for n in (1, 2, 3, 4)])
        self.assertEqual(self.registered(), 0)

    def test_a_comfyui_in_which_nothing_can_be_registered_has_its_prompts_prefetched(self):
        def refuse(provider):
            raise RuntimeError("no")

        self.providers.register_cache_provider = refuse
        for n in (1, 2):
            self.submit(self.prompt)
            self.queue.get()
            self.queue.task_done()
        self.assertEqual(self.told(), [("given-%d" % n, ["out"], None) for n in (1, 2)])

    def test_what_has_other_names_or_parameters_is_not_used(self):
        provider = self.providers.CacheProvider
        changes = [
            (self.providers, "register_cache_provider", lambda provider, priority: None),
            (self.providers, "unregister_cache_provider", None),
            (self.providers, "CacheProvider", None),
            (provider, "on_lookup", lambda self, context: None),
            (provider, "should_cache", lambda self, context: True),
            (provider, "__abstractmethods__", frozenset(["on_evict"])),
        ]
        for where, name, other in changes:
            with self.subTest(name), unittest.mock.patch.object(where, name, other), self.one_log_line("INFO"):
                self.again()
            del self.daemon.prefetches[:]
            self.submit(self.prompt)
            self.assertEqual(len(self.daemon.prefetches), 1)
            self.queue.get()
            self.queue.task_done()


if __name__ == "__main__":
    unittest.main()
