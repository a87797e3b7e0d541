"""ComfyUI is given the outputs that were kept, asks the daemon once a prompt, and does without it when anything is odd."""

import asyncio
import importlib
import json
import sys
import threading
import time
import types
import unittest
from collections import namedtuple

from fake_comfyui import ComfyTest, in_thread
from fake_daemon import FakeDaemon, send

CacheValue = namedtuple("CacheValue", "outputs ui", defaults=[None])


class MemoDaemon(FakeDaemon):
    """It keeps results in a dictionary."""

    def __init__(self, state):
        super().__init__(state)
        self.mode = "text"
        self.results = {}
        # Keys by the tags of their results.
        self.tagged = {}
        self.questions = []
        self.puts = []
        # What is known of classes, and what was to be compared.
        self.known = {}
        self.seen = []
        self.verdicts = {}
        # The SHA-256 of models by their paths, and the files that it was asked of.
        self.contents = {}
        self.contents_asked = []
        # One in so many outputs is to be computed again.
        self.audit = 0

    def answer(self, handler, body):
        if handler.path == "/api/memo/comfyui":
            self.questions.append(body["keys"])
            known = [self.known.get(one["name"], "unknown") for one in body["classes"]]
            others = dict(zip(body["keys"], body.get("others", ())))
            keys = [key if key in self.results or others.get(key) not in self.results else others[key] for key in body["keys"]]
            found = [{"key": key, "state": "hit", "value": self.results[key]} if key in self.results else {"key": key, "state": "miss"} for key in keys]
            there = {"others": [key in self.results for key in others.values()]} if others else {}
            return send(handler, 200, {**there, "mode": self.mode, "code": "strict", "audit": self.audit, "classes": known, "results": found if self.mode != "off" else []})
        if handler.path == "/api/memo/comfyui/contents":
            self.contents_asked.append(body["files"])
            return send(handler, 200, {"sha256": [self.contents.get(one["path"]) for one in body["files"]]})
        if handler.path == "/api/memo/comfyui/seen":
            self.seen.append(body)
            return send(handler, 200, {"known": self.verdicts.get(body["class"], "unknown")})
        if handler.path == "/api/memo/comfyui/likely":
            keys = {one: self.tagged.get("structure:" + one) for one in body["structures"]}
            found = [{"structure": one, "value": self.results[key]} for one, key in keys.items() if key in self.results]
            return send(handler, 200, {"results": found if self.mode != "off" else []})
        if handler.path == "/api/memo/put":
            self.puts.append(body)
            self.tagged.update((tag, body["key"]) for tag in body["tags"])
            self.results[body["key"]] = body["value"]
            return send(handler, 200, {"stored": True, "key": body["key"]})
        return super().answer(handler, body)

    def asked_for(self):
        return [keys for keys in self.questions if keys]


class Node:
    RELATIVE_PYTHON_MODULE = "nodes"
    RETURN_TYPES = ("CONDITIONING",)

    @classmethod
    def INPUT_TYPES(cls):
        return {}


class Loader(Node):
    RETURN_TYPES = ("CLIP",)


def text(of, words):
    return {"class_type": "CLIPTextEncode", "inputs": {"clip": [of, 0], "text": words}}


PROMPT = {
    "load": {"class_type": "Loader", "inputs": {"name": "a.safetensors"}},
    "one": text("load", "a knight"),
    "two": text("load", ""),
    "out": {"class_type": "Show", "inputs": {"a": ["one", 0], "b": ["two", 0]}},
}


class ProviderCase(ComfyTest):
    def setUp(self):
        super().setUp()
        self.make_file("models", "checkpoints", "a.safetensors")
        self.daemon = MemoDaemon(self.state)
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.begin()

    def begin(self):
        """ComfyUI starts."""
        self.server = importlib.import_module("server").PromptServer(None)
        self.queue = self.server.prompt_queue
        self.providers = importlib.import_module("comfy_execution.cache_provider")
        self.providers.CacheValue = CacheValue
        self.providers._providers.clear()
        self.progress = importlib.import_module("comfy_execution.progress")
        nodes = importlib.import_module("nodes")
        nodes.NODE_CLASS_MAPPINGS.update({"Loader": Loader, "CLIPTextEncode": Node, "Show": Node, "Other": Node})
        self.start_shim()
        importlib.import_module("autocached_comfyui.memo.results").ANSWER_SECONDS = 60.0
        importlib.import_module("autocached_comfyui.memo.contents").ANSWER_SECONDS = 60.0
        importlib.import_module("autocached_comfyui.memo.running").WAIT_SECONDS = 60.0
        identity = sys.modules["autocached_comfyui.memo.identity"]
        identity.describe = lambda: ["a machine"]
        self.memo = sys.modules["autocached_comfyui.hook"]._prefetch._memo
        self.finish("autocached-memo")
        self.local, self.ran = {}, []

    def restart(self):
        for name in [name for name in sys.modules if name.startswith("autocached_comfyui")]:
            del sys.modules[name]
        self.folder_paths.get_full_path = self.original
        self.begin()

    def submit(self, prompt, outputs=("out",), **more):
        async def serve():
            answer = await asyncio.create_task(self.server.post_prompt({"prompt": json.loads(json.dumps(prompt)), **more}, outputs))
            await asyncio.sleep(0)
            return answer

        asyncio.run(serve())
        self.finish("autocached-prefetch")

    def run_next(self, fails=()):
        """ComfyUI's executor: it asks for all outputs at once, runs what its outputs need, and offers what came of it."""
        _, prompt_id, prompt, _, outputs, _ = self.queue.get()
        node_hash = {node: sys.modules["autocached_comfyui.memo.signature"].Signatures(prompt).of(node) for node in prompt}
        self.given, self.keyed = {}, []

        def context(node):
            self.keyed.append(node)
            return self.providers.CacheContext(node, prompt[node]["class_type"], node_hash[node])

        async def get(node):
            if node_hash[node] in self.local:
                return self.local[node_hash[node]]
            providers = self.providers._get_cache_providers()
            asked = context(node) if providers else None
            for provider in providers:
                if provider.should_cache(asked):
                    found = await provider.on_lookup(asked)
                    if found is not None:
                        self.given[node] = found
                        self.local[node_hash[node]] = found
                        return found

        async def execute(node):
            for value in prompt[node]["inputs"].values():
                if isinstance(value, list) and node_hash[value[0]] not in self.local:
                    await execute(value[0])
            if await get(node) is not None:
                self.progress.get_progress_state().finish_progress(node)
                return
            self.progress.get_progress_state().start_progress(node)
            if node in fails:
                raise RuntimeError(node)
            self.ran.append(node)
            if prompt[node]["class_type"] == "Loader":
                with sys.modules["comfy_execution.utils"].CurrentNodeContext(prompt_id, node):
                    self.nodes.load("checkpoints", prompt[node]["inputs"]["name"])
            declared = {name: value for name, value in prompt[node]["inputs"].items() if not name.startswith("autocached")}
            value = CacheValue([["output of " + str(declared)]], None)
            self.local[node_hash[node]] = value
            for provider in self.providers._get_cache_providers():
                self.assertFalse(provider.should_cache(context(node), value))
            self.progress.get_progress_state().finish_progress(node)

        async def run():
            for provider in self.providers._get_cache_providers():
                provider.on_prompt_start(prompt_id)
            self.watched = len(self.providers._get_cache_providers())
            self.progress.reset_progress_state(prompt_id)
            await asyncio.gather(*map(get, prompt))
            try:
                for node in outputs:
                    await execute(node)
            except RuntimeError:
                pass
            for provider in self.providers._get_cache_providers():
                provider.on_prompt_end(prompt_id)

        self.ran = []
        in_thread(lambda: asyncio.run(run()))
        self.queue.task_done()
        for name in ("autocached-storing", "autocached-prefetch", "autocached-memo"):
            self.finish(name)
        return self.ran

    def run_prompt(self, prompt, **more):
        self.submit(prompt, **more)
        return self.run_next()

    def registered(self):
        return [provider for provider in self.providers._get_cache_providers() if self.memo.is_ours(provider)]


class Provider(ProviderCase):
    def test_after_a_restart_the_encodings_are_given_and_their_model_is_not_loaded(self):
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])
        outputs = dict(self.local)
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])
        self.assertEqual(set(self.given), {"one", "two"})
        self.assertLessEqual(self.local.items(), outputs.items())

    def test_the_daemon_is_told_how_long_a_loader_took_with_a_copy(self):
        source, copy = self.make_source_and_copy()
        self.daemon.copies, self.daemon.lease_ms = {source: copy}, 60_000
        sys.modules["autocached_comfyui.leases"]._TRIES = 10_000
        self.run_prompt(PROMPT)
        self.finish("autocached-leases")
        self.finish("autocached-loads")
        [loaded] = [body["loaded"] for body in self.daemon.leases if "loaded" in body]
        self.assertEqual([one["path"] for one in loaded], [copy])
        self.assertGreaterEqual(loaded[0]["ms"], 0)

    def test_loads_of_other_files_than_copies_are_not_told(self):
        self.run_prompt(PROMPT)
        self.finish("autocached-loads")
        self.assertEqual(self.daemon.leases, [])

    def test_the_daemon_is_asked_once_a_prompt_and_only_for_what_is_kept(self):
        self.run_prompt(PROMPT)
        self.assertEqual([len(keys) for keys in self.daemon.asked_for()], [2])
        self.assertEqual([put["label"] for put in self.daemon.puts], ["CLIPTextEncode"] * 2)
        self.assertEqual(set(self.daemon.asked_for()[0]), {put["key"] for put in self.daemon.puts})

    def test_of_a_changed_prompt_only_what_has_changed_runs(self):
        self.run_prompt(PROMPT)
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT | {"one": text("load", "a horse")}), ["load", "one", "out"])

    def test_a_model_that_was_written_anew_with_the_same_bytes_is_the_same(self):
        path = self.make_file("models", "checkpoints", "a.safetensors")
        self.daemon.contents = {path: "a" * 64}
        self.run_prompt(PROMPT)
        self.assertEqual(len(self.daemon.puts), 4)
        time.sleep(0.02)
        self.make_file("models", "checkpoints", "a.safetensors")
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])
        # What is made of it next is kept.
        self.daemon.puts.clear()
        self.run_prompt(PROMPT | {"one": text("load", "a horse")})
        self.assertEqual(len(self.daemon.puts), 2)
        self.daemon.contents = {path: "b" * 64}
        self.make_file("models", "checkpoints", "a.safetensors", content=b"weights of another")
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])

    def test_a_model_whose_content_becomes_known_later_is_found_by_it(self):
        path = self.make_file("models", "checkpoints", "a.safetensors")
        self.run_prompt(PROMPT)
        self.assertEqual(len(self.daemon.puts), 2)
        self.daemon.contents = {path: "a" * 64}
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])
        self.assertEqual(len(self.daemon.puts), 4)
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])
        self.assertEqual(len(self.daemon.puts), 4)
        time.sleep(0.02)
        self.make_file("models", "checkpoints", "a.safetensors")
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])

    def test_the_content_of_a_model_is_asked_for_once(self):
        path = self.make_file("models", "checkpoints", "a.safetensors")
        self.daemon.contents = {path: "a" * 64}
        for words in ("a", "b", "c"):
            self.run_prompt(PROMPT | {"one": text("load", words)})
        state = self.memo.files.state("checkpoints", "a.safetensors")
        [[asked]] = self.daemon.contents_asked
        self.assertEqual(asked, {"path": path, "size": state[0], "mtimeNs": state[1], "ctimeNs": state[2]})

    def test_a_prompt_does_not_wait_for_a_daemon_that_hangs_and_runs_as_without_it(self):
        self.run_prompt(PROMPT)
        self.restart()
        answer, heard = self.daemon.answer, threading.Event()
        self.addCleanup(heard.set)

        def hang(handler, body):
            if handler.path == "/api/memo/comfyui" and body["keys"]:
                heard.wait()
            return answer(handler, body)

        self.daemon.answer = hang
        sys.modules["autocached_comfyui.memo.running"].WAIT_SECONDS = 0.05
        self.submit(PROMPT)
        with self.one_log_line("INFO") as logs:
            # It ends, although the daemon has not answered.
            self.assertEqual(self.run_next(), ["load", "one", "two", "out"])
        self.assertIn("has not said within 50 ms", logs.output[0])
        heard.set()
        self.finish("autocached-question")
        self.daemon.answer = answer
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])

    def test_the_output_of_another_model_is_not_given(self):
        self.run_prompt(PROMPT)
        time.sleep(0.02)
        self.make_file("models", "checkpoints", "a.safetensors", content=b"WEIGHTS OF A MODEL")
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])

    def test_what_was_made_with_a_model_that_was_replaced_meanwhile_is_not_kept(self):
        self.run_prompt(PROMPT)
        time.sleep(0.02)
        self.make_file("models", "checkpoints", "a.safetensors", content=b"WEIGHTS OF A MODEL")
        before = len(self.daemon.puts)
        # ComfyUI has the old one in memory.
        self.assertEqual(self.run_prompt(PROMPT | {"one": text("load", "a horse")}), ["one", "out"])
        self.assertEqual(len(self.daemon.puts), before)

    def test_a_node_that_fails_leaves_nothing(self):
        self.submit(PROMPT)
        self.run_next(fails=["two"])
        self.assertEqual(len(self.daemon.puts), 1)
        self.assertNotIn("", [put["value"]["value"][0][0][0][-4:] for put in self.daemon.puts])

    def test_a_fresh_prompt_runs_all_and_replaces_what_was_kept(self):
        self.run_prompt(PROMPT)
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT, extra_data={"autocached": {"fresh": True}}), ["load", "one", "two", "out"])
        self.assertEqual(len(self.daemon.puts), 4)

    def test_a_node_whose_input_is_another_one_this_time_is_not_blamed_for_its_output(self):
        self.nodes.NODE_CLASS_MAPPINGS["TextGenerate"] = Node
        prompt = {"load": PROMPT["load"], "write": {"class_type": "TextGenerate", "inputs": {"clip": ["load", 0]}}, "out": text("write", "")}
        self.run_prompt(prompt)
        self.restart()
        self.nodes.NODE_CLASS_MAPPINGS["TextGenerate"] = Node
        self.daemon.verdicts, self.daemon.seen = {"TextGenerate": "unrepeatable"}, []
        with self.one_log_line() as logs:
            self.run_prompt(prompt, extra_data={"autocached": {"fresh": True}})
        self.assertIn("TextGenerate gave another output", logs.output[0])
        self.assertEqual([seen["class"] for seen in self.daemon.seen], ["TextGenerate"])

    def test_the_next_prompt_of_a_page_runs_all_when_that_was_wished_there(self):
        self.run_prompt(PROMPT)
        self.restart()
        self.memo.run_fresh("page-1")
        self.assertEqual(self.run_prompt(PROMPT, client_id="page-2"), ["out"])
        self.local.clear()
        self.assertEqual(self.run_prompt(PROMPT, client_id="page-1"), ["load", "one", "two", "out"])
        self.local.clear()
        self.assertEqual(self.run_prompt(PROMPT, client_id="page-1"), ["out"])

    def test_the_page_is_told_which_nodes_did_not_have_to_run(self):
        self.run_prompt(PROMPT)
        self.restart()
        told = []
        self.server.send_sync = lambda *message: told.append(message)
        self.run_prompt(PROMPT)
        [(event, data, page)] = told
        self.assertEqual((event, data["nodes"], page), ("autocached.memo", ["one", "two"], "browser"))

    def test_it_is_registered_only_while_a_prompt_wants_it(self):
        self.assertEqual(self.registered(), [])
        self.submit(PROMPT)
        self.assertEqual(len(self.registered()), 1)
        self.run_next()
        self.assertEqual(self.registered(), [])
        self.submit({"out": {"class_type": "Other", "inputs": {}}})
        self.assertEqual(self.registered(), [])

    def test_comfyui_computes_keys_only_of_what_may_be_kept_and_at_the_prompts_end(self):
        self.run_prompt(PROMPT)
        # All are asked for at first, and those that may be kept when they have run.
        self.assertEqual((self.keyed[:4], self.keyed[4:]), (["load", "one", "two", "out"], ["one", "two", "out"]))
        self.assertEqual(len(self.daemon.puts), 2)
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["out"])
        self.assertEqual(self.registered(), [])

    def test_while_another_prompt_waits_it_stays_registered_for_that_one(self):
        self.submit(PROMPT)
        self.submit(PROMPT | {"one": text("load", "b")})
        # It ends while no output is made that may be kept.
        self.run_next(fails=["load"])
        self.assertEqual(len(self.registered()), 1)
        self.run_next()
        self.assertEqual(len(self.daemon.puts), 2)
        self.assertEqual(self.registered(), [])

    def test_after_a_prompt_that_fails_before_anything_is_kept_the_next_one_is_as_ever(self):
        self.submit(PROMPT)
        self.run_next(fails=["load"])
        self.assertEqual(self.registered(), [])
        self.submit({"out": {"class_type": "Other", "inputs": {}}})
        self.run_next()
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])
        self.assertEqual(len(self.daemon.puts), 2)

    def test_a_comfyui_that_does_not_tell_when_nodes_start_computes_all_keys(self):
        for lacks in ("ProgressHandler", "add_progress_handler", "all"):
            with self.subTest(lacks):
                self.daemon.results, self.daemon.puts = {}, []
                self.restart()
                if lacks == "all":
                    del sys.modules["comfy_execution.progress"]
                else:
                    kept = getattr(self.progress, lacks)
                    setattr(self.progress, lacks, None)
                self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])
                self.assertEqual(len(self.keyed), 4 + 2 * 4)
                self.assertEqual(len(self.daemon.puts), 2)
                if lacks != "all":
                    setattr(self.progress, lacks, kept)
                self.restart()
                self.assertEqual(self.run_prompt(PROMPT), ["out"])

    def test_a_prompt_that_does_not_want_it_runs_without_it_between_two_that_do(self):
        for prompt in (PROMPT, {"out": {"class_type": "Other", "inputs": {}}}, PROMPT | {"one": text("load", "b")}):
            self.submit(prompt)
        self.run_next()
        self.assertEqual(len(self.registered()), 1)
        self.run_next()
        self.assertEqual(self.daemon.asked_for()[1:], [])
        self.assertEqual(len(self.registered()), 1)
        self.run_next()
        self.assertEqual(len(self.daemon.asked_for()), 2)
        self.assertEqual(self.registered(), [])

    def test_nothing_of_a_prompt_that_is_refused_or_taken_out_of_the_queue_stays(self):
        self.submit(PROMPT, outputs=())
        self.assertEqual(self.registered(), [])
        self.submit(PROMPT)
        self.submit(PROMPT | {"one": text("load", "b")})
        del self.queue.queue[1]
        self.run_next()
        self.assertEqual(self.registered(), [])

    def test_a_large_prompt_does_without_it(self):
        chain = {"load": PROMPT["load"], "0": text("load", "a")}
        chain |= {str(at): {"class_type": "Other", "inputs": {"a": [str(at - 1), 0]}} for at in range(1, 80)}
        self.submit(chain, outputs=["79"])
        self.assertEqual(self.registered(), [])
        chain = {node: chain[node] for node in list(chain)[:40]}
        self.submit(chain, outputs=["38"])
        self.assertEqual(len(self.registered()), 1)

    def test_turned_off_it_gives_and_keeps_nothing_from_the_next_prompt_on(self):
        self.run_prompt(PROMPT)
        self.restart()
        self.daemon.mode = "off"
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])
        self.assertEqual(len(self.daemon.puts), 2)
        self.submit(PROMPT)
        self.assertEqual(self.registered(), [])

    def test_without_the_daemon_nodes_run_as_ever(self):
        self.daemon.stop()
        with self.no_error_in_the_resolver():
            self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])

    def test_a_daemon_that_does_not_know_the_route_is_not_asked_on(self):
        self.daemon.answers["/api/memo/comfyui"] = (404, {"error": {"code": "NOT_FOUND", "message": "no such route", "hint": None}})
        self.daemon.answer = lambda handler, body: FakeDaemon.answer(self.daemon, handler, body)
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])
        self.submit(PROMPT)
        self.assertEqual(self.registered(), [])

    def test_results_that_are_not_understood_are_not_given(self):
        self.run_prompt(PROMPT)
        good = dict(self.daemon.results)
        for odd in (None, 1, [], {}, {"files": [], "unnamed": [], "saved": []}, "other value", "other saved", "other files"):
            for key, value in good.items():
                other = {"other value": {"value": {"pickle": "x"}}, "other saved": {"saved": [["a"]]}, "other files": {"files": []}}
                self.daemon.results[key] = dict(value, **other[odd]) if isinstance(odd, str) else odd
            self.restart()
            with self.subTest(odd), self.no_log_line():
                self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])

    def test_after_three_errors_of_its_own_it_says_so_once_and_stays_away(self):
        def fail(*_):
            raise ValueError("an error of these files")

        self.memo.results.ask = fail
        with self.assertLogs("autocached", "WARNING") as logs:
            for word in ("a", "b", "c", "d"):
                self.assertIn("one", self.run_prompt(PROMPT | {"one": text("load", word)}))
        self.assertEqual(len(logs.output), 1, logs.output)
        self.submit(PROMPT)
        self.assertEqual(self.registered(), [])

    def test_a_custom_node_is_watched_until_it_was_seen_to_be_repeatable(self):
        class Custom(Node):
            RELATIVE_PYTHON_MODULE = "custom_nodes.pack"

        self.make_file("custom_nodes", "pack.py", content=b"one = 1")
        prompt = {"mine": {"class_type": "Custom", "inputs": {}}, "out": {"class_type": "Show", "inputs": {"a": ["mine", 0]}}}
        for mode, known, ran, puts, seen in (
            ("results", None, ["mine", "out"], 0, 0),
            ("all", None, ["mine", "out"], 0, 1),
            ("all", "repeatable", ["mine", "out"], 1, 1),
            ("all", "repeatable", ["out"], 0, 0),
            ("all", "unrepeatable", ["mine", "out"], 0, 1),
        ):
            with self.subTest(mode=mode, known=known):
                self.daemon.mode, self.daemon.known = mode, {"Custom": known or "unknown"}
                self.restart()
                self.nodes.NODE_CLASS_MAPPINGS["Custom"] = Custom
                sys.modules["autocached_comfyui.memo.running"]._WORTH_MS = 0.0
                self.daemon.puts, self.daemon.seen = [], []
                self.assertEqual(self.run_prompt(prompt), ran)
                self.assertEqual([put["label"] for put in self.daemon.puts], ["Custom"] * puts)
                self.assertEqual([one["class"] for one in self.daemon.seen if one["class"] == "Custom"], ["Custom"] * seen)

    def test_what_a_paid_service_gave_is_kept_with_all_and_not_paid_for_again(self):
        class Paid(Node):
            API_NODE = True
            RELATIVE_PYTHON_MODULE = "comfy_api_nodes.nodes_paid"

        class PaidOfPack(Paid):
            RELATIVE_PYTHON_MODULE = "custom_nodes.pack"

        self.make_file("custom_nodes", "pack.py", content=b"one = 1")
        known = {"Paid": Paid, "PaidOfPack": PaidOfPack, "KSampler": Node}
        of = lambda name, *sources: {"class_type": name, "inputs": {str(at): [source, 0] for at, source in enumerate(sources)}}
        prompt = {"paid": of("Paid"), "ours": of("PaidOfPack"), "after": of("KSampler", "paid"), "out": of("Show", "after", "ours")}
        for mode, ran, kept in (("results", list(prompt), []), ("all", list(prompt), ["Paid", "PaidOfPack"]), ("all", ["after", "out"], [])):
            with self.subTest(mode):
                self.daemon.mode = mode
                self.restart()
                self.nodes.NODE_CLASS_MAPPINGS.update(known)
                sys.modules["autocached_comfyui.memo.running"]._WORTH_MS = 0.0
                self.daemon.puts, self.daemon.seen, self.daemon.audit = [], [], 1
                self.assertEqual(sorted(self.run_prompt(prompt)), sorted(ran))
                self.assertEqual(sorted(put["label"] for put in self.daemon.puts), kept)
                # Another answer of a service is no surprise, and none is paid for to compare it.
                self.assertEqual([one for one in self.daemon.seen if one["class"].startswith("Paid")], [])
                self.assertEqual(list(self.memo.audit._waiting), [])

    def test_of_a_listed_class_that_was_seen_to_be_unrepeatable_nothing_is_given_and_kept(self):
        self.run_prompt(PROMPT)
        self.daemon.known = {"CLIPTextEncode": "unrepeatable"}
        self.daemon.puts = []
        self.restart()
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])
        self.assertEqual(self.daemon.puts, [])

    def test_an_output_of_another_machine_is_not_given(self):
        self.run_prompt(PROMPT)
        self.restart()
        self.memo.identity._environment = ["another machine"]
        self.assertEqual(self.run_prompt(PROMPT), ["load", "one", "two", "out"])

    def test_what_is_given_for_people_names_the_node_that_shows_it(self):
        self.daemon.mode = "results"
        self.nodes.NODE_CLASS_MAPPINGS["KSampler"] = Node
        prompt = {"7": {"class_type": "KSampler", "inputs": {}}}
        self.memo.refresh()
        value = CacheValue([["x"]], {"meta": {"node_id": "7", "display_node": "7"}, "output": {"text": ("shown",)}})
        running = sys.modules["autocached_comfyui.memo.running"]
        queued = types.SimpleNamespace(id="1", outputs=["7"])
        context = self.providers.CacheContext("7", "KSampler", "0" * 64)

        async def store():
            first = running.RunningPrompt(self.memo, queued, prompt, False)
            await first.lookup(context)
            first._began["7"] = time.monotonic() - 1
            first.store(context, value)

        async def find():
            renamed = running.RunningPrompt(self.memo, types.SimpleNamespace(id="1", outputs=["9"]), {"9": prompt["7"]}, False)
            return await renamed.lookup(context._replace(node_id="9"))

        asyncio.run(store())
        self.finish("autocached-storing")
        found = asyncio.run(find())
        self.assertEqual(found.outputs, [["x"]])
        self.assertEqual(found.ui, {"meta": {"node_id": "9", "display_node": "9", "parent_node": None, "real_node_id": "9"}, "output": {"text": ("shown",)}})


if __name__ == "__main__":
    unittest.main()
