"""The routes for the sidebar: who sees what, who may change what, and that nobody's event loop waits for the daemon."""

import asyncio
import importlib
import json
import os
import sys
import unittest
from email.message import Message

from fake_comfyui import ComfyTest
from fake_daemon import FakeDaemon

HOST = "127.0.0.1:8188"
PAGE = {"Host": HOST, "Origin": "http://" + HOST, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json"}
READS = (("GET", "/autocached/state"), ("POST", "/autocached/workflow"), ("POST", "/autocached/foresee"))
PROTECTED = (("POST", "/autocached/session"), ("POST", "/autocached/change"))
STATS = {"version": "1", "mode": "read-write", "secondsSaved": 90, "tiers": [{"tier": "ssd", "dir": "/secret/ssd", "bytes": 5, "limit": 9}]}
COPY = {"id": 7, "state": "running", "status": "paused", "word": "paused", "why": "it is paused"}
COPY.update({"bytesDone": 1, "bytesTotal": 4, "bytesPerSecond": 0, "etaMs": None})
JOB = dict(COPY, path="/secret/a.safetensors")
MODEL = {"name": "a.safetensors", "category": "loras", "path": "/secret/a.safetensors", "ready": False, "reason": "COPYING"}


class Content:
    """A body as it arrives, in parts."""

    def __init__(self, body):
        self.body = body
        self.taken = 0

    async def iter_chunked(self, size):
        while self.taken < len(self.body):
            part = self.body[self.taken : self.taken + size]
            self.taken += len(part)
            yield part


class Request:
    def __init__(self, headers, body=b"", peer="127.0.0.1", length="as it is"):
        self.headers = Message()
        for name, value in headers.items():
            if value is not None:
                self.headers[name] = value
        self.remote = peer
        self.content = Content(body)
        self.content_length = len(body) if length == "as it is" else length


class Browser(ComfyTest):
    def setUp(self):
        super().setUp()
        self.daemon = FakeDaemon(self.state)
        self.addCleanup(self.daemon.stop)
        self.daemon.answers = {
            "/api/cache/stats": (200, STATS),
            "/api/jobs": (200, {"jobs": [JOB, dict(JOB, id=6, state="done")], "paused": False}),
            "/api/workflows/analyze": (200, {"kind": "workflow", "models": [MODEL, dict(MODEL, path=None)], "skipped": []}),
            "/api/cache/config": (200, {}),
            "/api/cache/warm": (200, {}),
            "/api/cache/pin": (200, {}),
            "/api/cache/unpin": (200, {}),
        }
        self.daemon.start()
        self.server = importlib.import_module("server").PromptServer(None)
        self.start_shim()
        self.browser = sys.modules["autocached_comfyui.hook"]._browser

    def handle(self, method, path, request):
        return self.server.routes.handlers[method, path](request)

    def ask(self, method, path, body=b"", peer="127.0.0.1", **changes):
        """Status and answer; `changes` are headers that differ from those of ComfyUI's own page, with _ for -."""
        headers = dict(PAGE, **{name.replace("_", "-"): value for name, value in changes.items()})
        response = asyncio.run(self.handle(method, path, Request(headers, body, peer)))
        self.assertEqual(response.headers["Cache-Control"], "no-store")
        return response.status, json.loads(response.text)

    def token(self):
        return self.ask("POST", "/autocached/session")[1]["token"]

    def change(self, wanted, **changes):
        return self.ask("POST", "/autocached/change", json.dumps(wanted).encode(), **dict({"X-Autocached-Token": self.token()}, **changes))


class Seeing(Browser):
    def test_the_state_is_shown_without_paths(self):
        status, answer = self.ask("GET", "/autocached/state")
        self.assertEqual((status, answer["alive"], answer["mode"], answer["secondsSaved"]), (200, True, "read-write", 90))
        self.assertEqual(answer["unrepeatable"], [])
        comparisons = {"agreed": 1, "disagreed": 1, "unrepeatable": [{"class": "KSampler", "at": 1}]}
        self.daemon.answers["/api/cache/stats"] = (200, dict(STATS, memo={"comparisons": comparisons}))
        self.assertEqual(self.ask("GET", "/autocached/state")[1]["unrepeatable"], ["KSampler"])
        self.assertEqual(answer["tiers"], [{"tier": "ssd", "files": None, "bytes": 5, "limit": 9}])
        self.assertEqual(answer["copies"], [COPY])
        self.assertEqual(answer["queue"], [{"id": 7, "name": "a.safetensors", "priority": None}])
        self.assertEqual(answer["stuck"], 0)
        self.assertNotIn("secret", json.dumps(answer))
        mine = {"path": "/secret/a", "app": "comfyui", "pid": os.getpid()}
        self.daemon.answers["/api/cache/stats"] = (200, dict(STATS, stuck=[mine, dict(mine, pid=1), dict(mine, app="other")]))
        self.assertEqual(self.ask("GET", "/autocached/state")[1]["stuck"], 1)

    def test_a_page_asks_which_nodes_of_its_prompt_need_not_run(self):
        memo = sys.modules["autocached_comfyui.hook"]._browser._memo
        memo.foresee = lambda sent, targets, local: {"4", "1"} if sent.may_be_given and sent.prompt == {"1": {}} and targets is None else set()
        self.assertEqual(self.ask("POST", "/autocached/foresee", b'{"prompt": {"1": {}}}'), (200, {"alive": True, "kept": ["1", "4"]}))
        self.assertEqual(self.ask("POST", "/autocached/foresee", b'{"prompt": 1}')[1]["kept"], [])
        self.assertEqual(self.ask("POST", "/autocached/foresee", b"no JSON"), (200, {"alive": False}))

    def test_models_that_are_stuck_on_a_slow_disk_are_freed_only_by_a_page_that_may_change_something(self):
        flags = []
        self.server.prompt_queue = type("Queue", (), {"set_flag": lambda _, name, value: flags.append((name, value))})()
        sys.modules["server"].PromptServer.instance = self.server
        self.assertEqual(self.ask("POST", "/autocached/change", b'{"free": true}')[0], 403)
        self.assertEqual(flags, [])
        self.assertEqual(self.change({"free": True}), (200, {"alive": True}))
        self.assertEqual(flags, [("unload_models", True), ("free_memory", True)])

    def test_models_of_a_workflow_are_shown_with_their_copies_and_without_paths(self):
        text = b'{"workflow": {"nodes": []}}'
        status, answer = self.ask("POST", "/autocached/workflow", text)
        self.assertEqual([(model["name"], model["copy"]) for model in answer["models"]], [("a.safetensors", 7), ("a.safetensors", None)])
        self.assertEqual((status, [copy["id"] for copy in answer["copies"]]), (200, [7]))
        self.assertNotIn("secret", json.dumps(answer))
        self.assertIn(("/api/workflows/analyze", {"workflow": {"nodes": []}}), self.daemon.asked)

    def test_the_open_workflow_is_a_hint_once_and_a_daemon_without_hints_answers_as_ever(self):
        self.daemon.answers["/api/hints"] = (404, {"error": {"code": "NOT_FOUND", "message": "there is no POST /api/hints"}})
        for text in (b'{"workflow": {"nodes": [1]}}', b'{"workflow": {"nodes": [1]}}', b'{"workflow": {"nodes": [2]}}'):
            status, answer = self.ask("POST", "/autocached/workflow", text)
            self.assertEqual((status, len(answer["models"])), (200, 2))
        hints = [body for route, body in self.daemon.asked if route == "/api/hints"]
        self.assertEqual(hints, [{"workflow": {"nodes": [1]}}, {"workflow": {"nodes": [2]}}])

    def test_a_model_that_the_last_prompt_did_not_need_says_so_in_its_own_workflow(self):
        term = {"notNeeded": True, "reason": "BYPASS_EXCLUDED", "word": "not needed", "why": "it is kept"}
        spared = dict(MODEL, node="4", path="/secret/b.safetensors", **term)
        sys.modules["autocached_comfyui.hook"]._browser._memo.spared = [spared]
        models = [dict(MODEL, node=4, path="/secret/b.safetensors"), dict(MODEL, node=5, path="/secret/b.safetensors")]
        models.append(dict(models[0], ready=True))
        self.daemon.answers["/api/workflows/analyze"] = (200, {"kind": "workflow", "models": models, "skipped": []})
        _, answer = self.ask("POST", "/autocached/workflow", b'{"workflow": {"nodes": []}}')
        self.assertEqual([model.get("word") for model in answer["models"]], ["not needed", None, None])
        self.assertLessEqual(term.items(), answer["models"][0].items())
        self.assertNotIn("secret", json.dumps(answer))

    def test_only_a_page_of_this_machine_is_told_that_it_may_change_something(self):
        others = (
            {"peer": "192.168.1.20"},
            {"peer": None},
            {"X_Forwarded_For": "192.168.1.20"},
            {"Forwarded": "for=192.168.1.20"},
            {"Via": "1.1 proxy"},
            {"Host": "mybox:8188", "Origin": "http://mybox:8188"},
            {"Host": "192.168.1.5:8188", "Origin": None},
            {"Host": "comfy.example", "Origin": "https://comfy.example", "X_Forwarded_For": "192.168.1.20"},
            {"Host": "comfy.example:8188", "Origin": "http://comfy.example:8188", "peer": "192.168.1.20"},
        )
        for changes in others:
            with self.subTest(changes):
                self.assertIs(self.ask("GET", "/autocached/state", **changes)[1]["mayChange"], False)
        for host, peer in ((HOST, "127.0.0.1"), ("localhost:8188", "::1"), ("[::1]:8188", "::ffff:127.0.0.1"), ("LOCALHOST", "127.0.0.1")):
            with self.subTest(host):
                answer = self.ask("GET", "/autocached/state", peer=peer, Host=host, Origin=None)[1]
                self.assertIs(answer["mayChange"], True)


class Refusing(Browser):
    def test_pages_of_others_neither_see_nor_change_anything(self):
        others = (
            {"Sec_Fetch_Site": "cross-site"},
            {"Sec_Fetch_Site": "same-site"},
            {"Sec_Fetch_Site": "none"},
            {"Origin": "http://evil.example"},
            {"Origin": "http://127.0.0.1:3000"},
            {"Origin": "http://127.0.0.1:8188.evil.example"},
            {"Origin": "null"},
            {"Host": "rebound.example:8188", "Origin": "http://rebound.example:8188"},
            {"Host": "rebound.example:8188", "Origin": None, "Sec_Fetch_Site": None},
            {"Host": "127.0.0.1.example", "Origin": "http://127.0.0.1.example"},
        )
        token = self.token()
        for method, path in READS + PROTECTED:
            for changes in others:
                with self.subTest(path=path, changes=changes):
                    answer = self.ask(method, path, b'{"mode": "off"}', X_Autocached_Token=token, **changes)
                    self.assertEqual(answer, (403, {"error": "not for this page"}))
        self.assertEqual(self.daemon.asked, [])

    def test_the_token_and_changes_are_for_pages_of_this_machine_only(self):
        others = (
            {"peer": "192.168.1.20"},
            {"peer": None},
            {"X_Forwarded_For": "127.0.0.1"},
            {"X_Real_IP": "127.0.0.1"},
            {"Host": "mybox:8188", "Origin": "http://mybox:8188"},
            {"Origin": None},
        )
        token = self.token()
        for method, path in PROTECTED:
            for changes in others:
                with self.subTest(path=path, changes=changes):
                    self.assertEqual(self.ask(method, path, b'{"mode": "off"}', X_Autocached_Token=token, **changes)[0], 403)
        self.assertEqual(self.daemon.asked, [])

    def test_a_change_needs_the_token_and_json(self):
        for changes in ({"X-Autocached-Token": None}, {"X-Autocached-Token": "x"}, {"X-Autocached-Token": "ü"}, {"Content_Type": "text/plain"}):
            with self.subTest(changes):
                self.assertEqual(self.change({"mode": "off"}, **changes)[0], 403)
        self.assertEqual(self.daemon.asked, [])
        self.assertEqual(self.change({"mode": "off"}, Content_Type="application/json; charset=utf-8"), (200, {"alive": True}))

    def test_every_run_has_a_token_of_its_own(self):
        first = self.token()
        self.assertEqual(self.token(), first)
        self.assertGreaterEqual(len(first), 43)
        self.assertNotEqual(type(self.browser)(None, None)._token, first)

    def test_a_body_that_is_too_large_is_not_kept(self):
        most = sys.modules["autocached_comfyui.browser"]._WORKFLOW_BYTES
        for length in ("as it is", None):
            with self.subTest(length):
                request = Request(PAGE, b" " * (most + 1_000_000), length=length)
                response = asyncio.run(self.handle("POST", "/autocached/workflow", request))
                self.assertEqual(response.status, 413)
                self.assertLessEqual(request.content.taken, 0 if length else most + (1 << 16))
        self.assertEqual(self.daemon.asked, [])


class Changing(Browser):
    def test_a_page_can_change_the_mode_copy_and_pin(self):
        names = ["loras/a.safetensors"]
        for wanted, told in (
            ({"mode": "read-only"}, ("/api/cache/config", {"mode": "read-only"})),
            ({"warm": names}, ("/api/cache/warm", {"names": names})),
            ({"pin": names}, ("/api/cache/pin", {"names": names})),
            ({"unpin": names}, ("/api/cache/unpin", {"names": names})),
        ):
            with self.subTest(wanted):
                self.assertEqual(self.change(wanted), (200, {"alive": True}))
                self.assertEqual(self.daemon.asked[-1], told)

    def test_a_page_can_have_its_next_prompt_run_all_nodes(self):
        self.assertEqual(self.change({"fresh": "page-1"}), (200, {"alive": True}))
        self.assertEqual(self.browser._memo._fresh_pages, {"page-1"})
        self.assertEqual(self.daemon.asked, [])

    def test_nothing_else_can_be_changed(self):
        for wanted in ({}, [], {"limit": "1"}, {"mode": "all"}, {"mode": ["off"]}, {"mode": "off", "pin": []}, {"warm": "a"}, {"evict": ["a/b"]}, {"fresh": True}, {"fresh": "a", "mode": "off"}, {"pin": [1]}):
            with self.subTest(wanted):
                self.assertEqual(self.change(wanted)[0], 400)
        self.assertEqual(self.daemon.asked, [])

    def test_what_the_daemon_refuses_is_said(self):
        self.daemon.answers["/api/cache/pin"] = (404, {"error": {"code": "NOT_FOUND", "message": "loras/a is not known"}})
        self.assertEqual(self.change({"pin": ["loras/a"]}), (200, {"alive": True, "refused": "loras/a is not known"}))


class TheDaemonIsAway(Browser):
    def test_it_is_a_state_and_no_error(self):
        token = self.token()
        self.daemon.stop()
        with self.no_log_line():
            for method, path in READS:
                status, answer = self.ask(method, path)
                self.assertEqual((status, answer["alive"]), (200, False))
            answer = self.ask("POST", "/autocached/change", b'{"mode": "off"}', X_Autocached_Token=token)
        self.assertEqual(answer, (200, {"alive": False}))

    def test_an_answer_that_is_not_understood_is_no_error_either(self):
        self.daemon.answers["/api/jobs"] = (200, {"jobs": 5})
        with self.no_log_line():
            self.assertEqual(self.ask("GET", "/autocached/state"), (200, {"alive": False}))

    def test_the_event_loop_does_not_wait_for_it(self):
        self.daemon.hear_others.clear()
        self.addCleanup(self.daemon.hear_others.set)
        page = lambda: Request(PAGE)

        async def visit():
            asked = [asyncio.ensure_future(self.handle("GET", "/autocached/state", page())) for _ in range(8)]
            await asyncio.sleep(0)
            session = await self.handle("POST", "/autocached/session", page())
            ninth = await self.handle("GET", "/autocached/state", page())
            waiting = [task.done() for task in asked]
            self.daemon.hear_others.set()
            return session.status, json.loads(ninth.text), waiting, [json.loads((await task).text)["alive"] for task in asked]

        sys.modules["autocached_comfyui.browser"]._STATE_SECONDS = 60.0
        self.assertEqual(asyncio.run(visit()), (200, {"alive": False}, [False] * 8, [True] * 8))


class OtherServers(ComfyTest):
    def test_a_server_without_routes_has_none(self):
        server = importlib.import_module("server").PromptServer(None)
        del server.routes
        with self.no_log_line():
            self.start_shim()

    def test_the_sidebar_is_where_comfyui_looks_for_it(self):
        node = self.start_shim()
        self.assertEqual(node.WEB_DIRECTORY, "./web")


if __name__ == "__main__":
    unittest.main()
