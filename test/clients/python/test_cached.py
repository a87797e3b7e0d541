import asyncio
import datetime
import decimal
import os
import pathlib
import threading
import time
import unittest
from unittest import mock

import rig
from autocached import CoalescedError, Memo, NoStableKey, staging


class Cached(rig.DaemonTest):
    def test_a_result_is_found_again_by_another_process(self):
        program = """
            memo = Memo("again", state=STATE)
            @memo.cached
            def area(width, height=2):
                print("computed")
                return {"area": width * height}
            print(area(3), area(width=3), area(3, 2))
        """
        found = "{'area': 6} {'area': 6} {'area': 6}\n"
        self.assertEqual(self.daemon.output(program), "computed\n" + found)
        self.assertEqual(self.daemon.output(program), found)

    def test_a_result_of_a_text_is_invalidated_by_its_parts_and_its_text(self):
        computed = rig.Counter()

        @self.memo.cached(key=lambda model, text: ["told", model], text=lambda model, text: text)
        def told(model, text):
            computed(text)
            return text

        for text in ("one", "other", "one"):
            told("m", text)
        self.assertEqual(self.memo.invalidate(parts=told.parts("m", "one")), 1)
        self.assertEqual([told("m", "other"), told("m", "one"), computed.count], ["other", "one", 3])
        self.assertEqual(self.memo.invalidate(parts=["told", "m"], text="other"), 1)
        self.assertEqual(self.memo.invalidate(parts=["told", "m"]), 0)
        self.assertEqual([told("m", "one"), told("m", "other"), computed.count], ["one", "other", 4])

    def test_a_text_in_other_words_finds_the_result_where_the_namespace_compares_texts(self):
        self.daemon.change("texts", {"semantic": {"mode": "normalise"}})
        memo = Memo("texts", state=self.daemon.state)
        computed = rig.Counter()

        @memo.cached(key=lambda model, question: [model], text=lambda model, question: question)
        def answer(model, question):
            computed(question)
            return model + ": " + question

        self.assertEqual(answer("a", "Red or blue?"), "a: Red or blue?")
        self.assertEqual(answer("a", "red or BLUE"), "a: Red or blue?")
        self.assertEqual(answer("b", "red or BLUE"), "b: red or BLUE")
        self.assertEqual(memo.get_or_compute(["a"], lambda: "computed", text=" red or blue "), "a: Red or blue?")
        self.assertEqual(computed.count, 2)
        with self.assertRaises(TypeError):
            memo.cached(text=lambda question: question)

    def test_coroutines_and_methods_are_cached_too(self):
        computed = rig.Counter()

        class Model:
            def __init__(self, factor):
                self.factor = factor

            @self.memo.cached
            def times(self, x):
                computed(x)
                return x * self.factor

            @self.memo.cached(ttl="1h")
            async def plus(self, x):
                computed(x)
                return x + self.factor

            @classmethod
            @self.memo.cached
            def name(cls):
                computed()
                return cls.__name__

            @staticmethod
            @self.memo.cached
            def twice(x):
                computed(x)
                return 2 * x

        self.assertEqual([Model(2).times(3), Model(2).times(3), Model(5).times(3)], [6, 6, 15])
        self.assertEqual([asyncio.run(Model(2).plus(3)) for _ in range(2)], [5, 5])
        self.assertEqual([Model.name(), Model.name(), Model.twice(4), Model(1).twice(4)], ["Model", "Model", 8, 8])
        self.assertEqual(computed.count, 5)

    def test_results_come_back_as_they_were(self):
        file = pathlib.Path(self.temp_dir()) / "picture.png"
        file.write_bytes(b"png" * 1000)
        results = [
            None,
            True,
            2**64 + 1,
            1.0,
            -0.0,
            1e-7,
            "grün \U0001f600 \ud800",
            b"\0\xff" * 10,
            b"",
            [1, (2, [3])],
            {"a": {1: "one", None: 2.5, (1, 2): b"x"}, "$blob": "no blob", "$py": 1},
            {"$py": "tuple", "value": [1]},
            float("inf"),
            [float("-inf"), b"a", b"a", b"b"],
            {"long": "x" * 2_000_000, "bytes": b"inside"},
            "y" * 30_000,
        ]
        for index, result in enumerate(results):
            found = [self.memo.get_or_compute(["round trip", index], lambda: result) for _ in range(2)]
            again = self.memo.get_or_compute(["round trip", index], self.fail)
            for one in [*found, again]:
                self.assertEqual((repr(one), type(one)), (repr(result), type(result)))
        self.assertEqual(str(self.memo.get_or_compute("nan", lambda: float("nan"))), "nan")
        self.assertEqual(str(self.memo.get_or_compute("nan", self.fail)), "nan")

    def test_a_file_comes_back_with_its_name_and_bytes_when_the_first_is_gone(self):
        file = pathlib.Path(self.temp_dir()) / "picture.png"
        file.write_bytes(b"png" * 1_000_000)
        self.assertEqual(self.memo.get_or_compute("picture", lambda: file), file)
        nested = self.memo.get_or_compute("nested", lambda: {"picture": file})
        file.unlink()
        for found in (self.memo.get_or_compute("picture", self.fail), self.memo.get_or_compute("nested", self.fail)["picture"]):
            self.assertEqual((found.name, found.read_bytes()), ("picture.png", b"png" * 1_000_000))
            # What a program does to its file is no other's matter.
            found.write_bytes(b"other")
        self.assertEqual(self.memo.get_or_compute("picture", self.fail).read_bytes(), b"png" * 1_000_000)
        self.assertEqual(nested, {"picture": file})

    def test_large_results_go_to_a_daemon_of_this_machine_in_a_file(self):
        file = pathlib.Path(self.temp_dir()) / "large.bin"
        file.write_bytes(os.urandom(1_500_000))
        # What is sent goes through this.
        with mock.patch("autocached.daemon.Daemon.put", side_effect=self.fail):
            for index, result in enumerate([b"x" * 1_500_000, file, {"bytes": b"y" * 1_500_000, "long": "z" * 1_500_000}]):
                self.memo.get_or_compute(["staged", index], lambda: result)
                found = self.memo.get_or_compute(["staged", index], self.fail)
                if result is file:
                    self.assertEqual(found.read_bytes(), file.read_bytes())
                else:
                    self.assertEqual(found, result)
        self.assertEqual(self.daemon.stats()["reserved"], 0)

    def test_a_file_that_changes_while_it_is_copied_is_not_stored_in_part(self):
        file = pathlib.Path(self.temp_dir()) / "growing.bin"
        file.write_bytes(b"a" * 1_500_000)
        write = staging._write

        def grow(target, data):
            write(target, data)
            if file.stat().st_size == 1_500_000:
                with file.open("ab") as more:
                    more.write(b"b")

        with mock.patch.object(staging, "_write", side_effect=grow) as written:
            self.memo.get_or_compute("growing", lambda: file)
        self.assertTrue(written.called)
        found = self.memo.get_or_compute("growing", lambda: file)
        self.assertEqual(found.read_bytes(), file.read_bytes())
        self.assertEqual(self.daemon.stats()["reserved"], 0)

    def test_files_are_known_by_their_contents(self):
        one, two = (pathlib.Path(self.temp_dir()) / name for name in ("a.png", "b.png"))
        one.write_bytes(b"same")
        two.write_bytes(b"same")
        computed = rig.Counter()

        @self.memo.cached
        def describe(image):
            computed(image)
            return len(image.read_bytes())

        @self.memo.cached(key=lambda image, prompt: [self.memo.file(image), prompt])
        def draw(image, prompt):
            computed(image)
            return prompt

        self.assertEqual([describe(one), describe(two), draw(str(one), "a"), draw(str(two), "a")], [4, 4, "a", "a"])
        self.assertEqual(computed.count, 2)
        two.write_bytes(b"another")
        self.assertEqual([describe(two), draw(str(two), "a")], [7, "a"])
        self.assertEqual(computed.count, 4)

    def test_what_has_no_stable_form_is_refused_with_one_clear_error_unless_a_key_is_given(self):
        @self.memo.cached
        def plain(x):
            return 1

        with self.assertRaisesRegex(NoStableKey, r"plain: the argument x has no stable form .*object.*key="):
            plain(object())
        with self.assertRaisesRegex(NoStableKey, "the argument x .*cannot be read"):
            plain(pathlib.Path("/there/is/none"))

        @self.memo.cached(key=lambda x: "mine")
        def keyed(x):
            return 2

        self.assertEqual(keyed(object()), 2)
        with self.assertRaisesRegex(TypeError, "generator"):
            self.memo.cached(lambda: (yield 1))
        with self.assertRaisesRegex(TypeError, "below @classmethod"):
            self.memo.cached(classmethod(plain))
        for refused in ("no spaces", "_private"):
            with self.assertRaisesRegex(ValueError, "namespace"):
                Memo(refused)

    def test_errors_are_never_stored(self):
        computed = rig.Counter()

        @self.memo.cached
        def fail(x):
            computed(x)
            raise KeyError(x)

        for _ in range(3):
            with self.assertRaises(KeyError):
                fail(1)
        self.assertEqual(computed.count, 3)
        self.assertEqual(self.daemon.stats()["computing"], 0)

    def test_a_result_that_cannot_be_stored_is_returned_and_said_once(self):
        @self.memo.cached
        def lock():
            return threading.Lock()

        with self.assertLogs("autocached", "WARNING") as logged:
            self.assertIsNot(lock(), lock())
        self.assertEqual(len(logged.output), 1)
        self.assertRegex(logged.output[0], "no stored form of a _thread.lock")
        self.assertEqual(self.daemon.stats()["computing"], 0)

    def test_tags_deps_and_times_reach_the_daemon(self):
        source = pathlib.Path(self.daemon.models) / "a.safetensors"
        source.write_bytes(b"weights")
        options = {"tags": lambda x: ["model:%d" % x], "deps": [source], "label": "one", "ttl": datetime.timedelta(hours=1)}
        computed = rig.Counter()

        @self.memo.cached(**options)
        def load(x):
            computed(x)
            return x

        self.assertEqual([load(1), load(1), load(2)], [1, 1, 2])
        self.assertEqual(self.memo.invalidate(tags=["model:1"]), 1)
        self.assertEqual([load(1), load(2)], [1, 2])
        self.assertEqual(self.memo.invalidate(parts=load.parts(2)), 1)
        self.assertEqual([load(1), load(2), computed.count], [1, 2, 4])
        self.assertEqual(self.memo.invalidate(older_than=datetime.timedelta(hours=1)), 0)
        self.assertEqual(self.memo.invalidate(all=True, older_than=0, dry_run=True), 2)
        source.write_bytes(b"others")
        # The daemon looks at a file every two seconds.
        while computed.count < 6:
            time.sleep(0.01)
            self.assertEqual([load(1), load(2)], [1, 2])

    def test_a_version_and_a_namespace_keep_results_apart(self):
        memos = [Memo("apart", version=version, state=self.daemon.state) for version in (None, "1", "2")] + [self.memo]
        self.assertEqual([memo.get_or_compute([1], lambda: index) for index, memo in enumerate(memos)], [0, 1, 2, 3])
        self.assertEqual([memo.get_or_compute([1], self.fail) for memo in memos], [0, 1, 2, 3])

    def test_arguments_of_different_types_are_different(self):
        @self.memo.cached
        def name(x):
            return repr(x)

        values = [1, 1.0, True, "1", (1,), [1], {1}, {1: 1}, {"1": 1}, b"1", bytearray(b"1"), 2**64, 2**64 + 1, -0.0, 0.0]
        values += [decimal.Decimal(1), datetime.date(2026, 1, 1), datetime.timedelta(1), {"$tuple": [1]}, None, int, 1 + 0j]
        self.assertEqual([name(value) for value in values], [repr(value) for value in values])
        self.assertEqual([name(value) for value in values], [repr(value) for value in values])

    def test_a_result_of_another_language_is_found(self):
        self.daemon.ask("/api/memo/put", {"ns": "shared", "parts": ["thumb", 7], "value": {"width": 64}})
        shared = Memo("shared", state=self.daemon.state)
        self.assertEqual(shared.get_or_compute(["thumb", 7], self.fail), {"width": 64})
        shared.get_or_compute(["mine", b"x"], lambda: [1, "a"])
        parts = ["mine", {"$sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881"}]
        self.assertEqual(self.daemon.ask("/api/memo/get", {"ns": "shared", "parts": parts})["value"], [1, "a"])

    def test_cache_hit_miss_tracking(self):
        before = self.daemon.stats()

        @self.memo.cached
        def square(x):
            return x * x

        self.assertEqual([square(x) for x in (1, 2, 1, 1)], [1, 4, 1, 1])
        after = self.daemon.stats()
        self.assertEqual([after[name] - before[name] for name in ("hits", "misses", "current_items")], [2, 2, 2])

    def test_an_error_of_another_process_is_told_to_those_who_wait_for_it(self):
        holder = self.daemon.program(
            """
            def fail():
                print("computing", flush=True)
                sys.stdin.readline()
                raise ValueError("no such model")
            try:
                Memo("failing", state=STATE).get_or_compute([1], fail)
            except ValueError:
                print("failed")
            """
        )
        self.assertEqual(holder.stdout.readline(), "computing\n")
        found = []
        # Who asks between two slices computes himself.
        slices = mock.patch("autocached.results._FIRST_SLICE_SECONDS", 600.0)
        slices.start()
        self.addCleanup(slices.stop)

        def wait():
            try:
                Memo("failing", state=self.daemon.state).get_or_compute([1], self.fail)
            except CoalescedError as error:
                found.append(str(error))

        waiting = threading.Thread(target=wait)
        waiting.start()
        while self.daemon.stats()["waiting"] == 0:
            time.sleep(0.01)
        self.assertEqual(holder.communicate("go\n")[0], "failed\n")
        waiting.join()
        self.assertEqual(found, ["ValueError: no such model"])


if __name__ == "__main__":
    unittest.main()
