"""Before a prompt runs the daemon is told which of its outputs will be given: models that only they need are not copied."""

import sys
import time

from test_memo_provider import PROMPT, Node, ProviderCase, text

OTHER = {"out": {"class_type": "Other", "inputs": {}}}


class Foresight(ProviderCase):
    def told(self, prompt=PROMPT, **more):
        """What is said of a prompt that is queued in a ComfyUI that has run none since its start."""
        self.restart()
        self.submit(prompt, **more)
        return self.kept()

    def kept(self):
        return self.daemon.prefetches[-1].get("keptNodes")

    def replace_model(self):
        time.sleep(0.02)
        self.make_file("models", "checkpoints", "a.safetensors", content=b"WEIGHTS OF A MODEL")

    def test_after_a_restart_the_first_prompt_says_which_encodings_will_be_given_and_they_are(self):
        self.assertEqual(self.told(), None)
        self.run_next()
        hits = len(self.daemon.asked_for())
        self.assertEqual(self.told(), ["one", "two"])
        # Nothing was served for that.
        self.assertEqual(len(self.daemon.asked_for()), hits)
        self.assertEqual(self.run_next(), ["out"])
        self.assertEqual(set(self.given), {"one", "two"})

    def test_of_a_changed_prompt_only_what_has_not_changed(self):
        self.run_prompt(PROMPT)
        self.assertEqual(self.told(PROMPT | {"one": text("load", "a horse")}), ["two"])
        other_ids = {"a": PROMPT["load"], "b": text("a", "a knight"), "out": {"class_type": "Show", "inputs": {"a": ["b", 0]}}}
        self.assertEqual(self.told(other_ids), ["b"])

    def test_outputs_of_a_model_that_was_replaced_will_not_be_given(self):
        self.run_prompt(PROMPT)
        self.replace_model()
        self.assertEqual(self.told(), None)
        self.assertEqual(self.run_next(), ["load", "one", "two", "out"])

    def test_a_file_that_was_replaced_while_a_prompt_waited_is_no_reason_to_keep_nothing_of_it(self):
        self.submit(PROMPT)
        self.replace_model()
        self.run_next()
        self.assertEqual(len(self.daemon.puts), 2)

    def test_a_fresh_prompt_will_be_given_nothing(self):
        self.run_prompt(PROMPT)
        self.assertEqual(self.told(extra_data={"autocached": {"fresh": True}}), None)
        self.restart()
        self.memo.run_fresh("page-1")
        self.submit(PROMPT, client_id="page-1")
        self.assertEqual(self.kept(), None)

    def test_turned_off_nothing_will_be_given(self):
        self.run_prompt(PROMPT)
        self.daemon.mode = "off"
        self.assertEqual(self.told(), None)
        self.run_next()
        self.daemon.mode = "text"
        self.assertEqual(self.told(), ["one", "two"])

    def test_a_comfyui_without_providers_will_be_given_nothing(self):
        self.run_prompt(PROMPT)
        self.restart()
        self.memo._api = None
        self.submit(PROMPT)
        self.assertEqual(self.kept(), None)

    def test_each_of_several_prompts_in_the_queue_is_told_by_itself(self):
        self.run_prompt(PROMPT)
        self.restart()
        for prompt in (PROMPT, OTHER, PROMPT | {"two": text("load", "b")}):
            self.submit(prompt)
        self.assertEqual([body.get("keptNodes") for body in self.daemon.prefetches[-3:]], [["one", "two"], None, ["one"]])

    def test_an_output_that_hits_is_not_said_to_be_kept_when_something_has_to_run_before_it(self):
        self.daemon.mode = "results"
        sys.modules["autocached_comfyui.memo.running"]._WORTH_MS = 0
        self.nodes.NODE_CLASS_MAPPINGS["SaveImage"] = Node
        whole = PROMPT | {"save": {"class_type": "SaveImage", "inputs": {"images": ["one", 0]}}}
        self.submit(whole, outputs=["out", "save"])
        self.run_next()
        self.daemon.results = {put["key"]: put["value"] for put in self.daemon.puts if put["label"] != "CLIPTextEncode"}
        self.assertEqual(len(self.daemon.results), 1)
        self.restart()
        self.nodes.NODE_CLASS_MAPPINGS["SaveImage"] = Node
        self.submit(whole, outputs=["out", "save"])
        self.assertEqual(self.kept(), None)

    def test_a_daemon_that_does_not_know_the_question_is_told_of_the_prompt_all_the_same(self):
        self.run_prompt(PROMPT)
        self.daemon.answers["/api/memo/comfyui/likely"] = (404, {"error": {"code": "NOT_FOUND", "message": "no such route", "hint": None}})
        answer = self.daemon.answer
        self.daemon.answer = lambda handler, body: (self.daemon.answer_other if "likely" in handler.path else answer)(handler, body)
        self.assertEqual(self.told(), None)
        self.assertEqual(self.run_next(), ["out"])

    def test_models_that_get_no_copy_for_it_are_noted_for_the_sidebar_until_the_next_prompt(self):
        self.run_prompt(PROMPT)
        spared = {"name": "a.safetensors", "path": "/models/a.safetensors", "node": "load", "notNeeded": True, "ready": False}
        others = [dict(spared, ready=True, node="2"), {"name": "b.safetensors"}]
        self.daemon.prefetch_answer = {"models": [spared, *others]}
        self.told()
        self.assertEqual(self.memo.spared, [spared])
        self.run_next()
        self.daemon.prefetch_answer = {"models": others}
        self.run_prompt(OTHER)
        self.assertEqual(self.memo.spared, [])

    def test_odd_results_will_not_be_given(self):
        self.run_prompt(PROMPT)
        for odd in (None, 1, [], {}, {"files": [], "unnamed": [], "saved": []}):
            self.daemon.results = dict.fromkeys(self.daemon.results, odd)
            with self.subTest(odd):
                self.assertEqual(self.told(), None)

