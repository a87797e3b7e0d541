"""Which path a node is given while the daemon answers."""

import os
import sys
import threading

from fake_comfyui import ComfyTest, in_thread
from fake_daemon import FakeDaemon, send, send_bytes


class WithDaemon(ComfyTest):
    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        self.daemon = FakeDaemon(self.state, {self.source: self.copy})
        self.addCleanup(self.daemon.stop)
        self.daemon.start()
        self.start_shim()

    def answer_with(self, path):
        self.daemon.copies[self.source] = path


class Answers(WithDaemon):
    def test_a_node_opens_the_copy(self):
        self.assertEqual(self.load(), self.copy)

    def test_a_node_that_asks_without_raising_opens_the_copy(self):
        self.assertEqual(self.in_node(lambda: self.nodes.load_or_none("checkpoints", "a.safetensors")), self.copy)

    def test_a_file_without_a_copy_is_opened_where_it_is(self):
        other = self.make_file("models", "checkpoints", "b.safetensors")
        self.assertEqual(self.load(name="b.safetensors"), other)
        self.assertEqual(len(self.daemon.lookups), 1)

    def test_the_question_spares_the_daemon_a_stat_and_says_who_asks(self):
        self.load()
        seen = os.stat(self.source)
        self.assertEqual(
            self.daemon.lookups,
            [
                {
                    "path": self.source,
                    "size": seen.st_size,
                    "mtimeNs": str(seen.st_mtime_ns),
                    "ctimeNs": str(seen.st_ctime_ns),
                    "category": "checkpoints",
                    "name": "a.safetensors",
                    "purpose": "load",
                    "waitMs": 600000,
                    "waitedMs": 0,
                    "sliceMs": 100,
                    "client": {"app": "comfyui", "pid": os.getpid(), "prompt": "prompt-1", "node": "4"},
                }
            ],
        )

    def test_old_words_for_a_category_reach_the_daemon_as_the_new_ones(self):
        self.make_file("models", "text_encoders", "t5.safetensors")
        self.load("clip", "t5.safetensors")
        self.assertEqual(self.daemon.lookups[0]["category"], "text_encoders")

    def test_the_large_unet_and_text_encoder_files_are_found_too_not_only_checkpoints_arena_a2(self):
        for category, folder in (("unet", "diffusion_models"), ("clip", "text_encoders")):
            self.folder_paths.folder_names_and_paths[folder] = ([self.make_folder("models", folder)], {".safetensors"})
            source, copy = self.make_source_and_copy(folder, "big.safetensors")
            self.daemon.copies[source] = copy
            self.assertEqual(self.load(category, "big.safetensors"), copy)

    def test_a_file_in_a_subfolder_is_asked_for_by_its_path_below_the_model_folder(self):
        source, copy = self.make_source_and_copy(name=os.path.join("sdxl", "c.safetensors"))
        self.daemon.copies[source] = copy
        self.assertEqual(self.load(name="sdxl/c.safetensors"), copy)
        self.assertEqual(self.daemon.lookups[0]["name"], os.path.join("sdxl", "c.safetensors"))

    def test_a_file_that_does_not_exist_stays_missing(self):
        with self.no_log_line(), self.assertRaises(FileNotFoundError):
            self.load(name="none.safetensors")
        with self.no_log_line():
            self.assertIsNone(self.in_node(lambda: self.nodes.load_or_none("no-such-category", "a.safetensors")))
        # The daemon is still trusted.
        self.assertEqual(self.load(), self.copy)

    def test_many_lookups_share_one_connection(self):
        def work():
            return {self.nodes.load("checkpoints", "a.safetensors") for _ in range(20)}

        self.assertEqual(self.in_node(work), {self.copy})
        self.assertEqual(len(self.daemon.lookups), 20)
        # Two others, which may come later, tell the daemon the model folders and ask for what is away.
        self.assertIn(self.daemon.connections, (1, 2, 3))

    def test_a_daemon_that_ends_each_connection_is_asked_over_new_ones(self):
        self.daemon.closes = True

        def work():
            return {self.nodes.load("checkpoints", "a.safetensors") for _ in range(5)}

        with self.no_log_line():
            self.assertEqual(self.in_node(work), {self.copy})
        self.assertEqual(len(self.daemon.lookups), 5)

    def test_a_forked_process_does_not_speak_over_the_connection_of_its_parent(self):
        daemon = self.wrapper.autocached.daemon

        def work():
            self.nodes.load("checkpoints", "a.safetensors")
            kept = daemon._kept.connection
            daemon._kept.owner = (daemon._kept.owner[0], os.getpid() - 1)
            self.nodes.load("checkpoints", "a.safetensors")
            return kept is daemon._kept.connection

        self.assertFalse(self.in_node(work))

    def test_many_threads_get_right_answers_at_once(self):
        files = dict(self.make_source_and_copy(name="m%d.safetensors" % n) for n in range(8))
        self.daemon.copies.update(files)
        wrong = []
        start = threading.Barrier(len(files))

        def work(source):
            start.wait()
            for _ in range(20):
                if self.nodes.load("checkpoints", os.path.basename(source)) != files[source]:
                    wrong.append(source)

        threads = [threading.Thread(target=self.in_node, args=(lambda s=s: work(s),)) for s in files]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(wrong, [])
        self.assertEqual(len(self.daemon.lookups), 20 * len(files))


class WrongAnswers(WithDaemon):
    """A copy is used only if it is a regular file with the source's size and base name."""

    def assert_source_is_used(self):
        with self.one_log_line():
            self.assertEqual(self.load(), self.source)

    def test_a_short_copy_is_not_loaded(self):
        self.make_file("ssd", "checkpoints", "a.safetensors", content=b"half")
        self.assert_source_is_used()

    def test_a_copy_that_is_gone_does_not_break_the_prompt(self):
        os.remove(self.copy)
        self.assert_source_is_used()

    def test_a_folder_is_not_given_out_as_a_file(self):
        self.answer_with(self.make_folder("ssd", "folder", "a.safetensors"))
        self.assert_source_is_used()

    def test_a_link_is_not_given_out(self):
        link = os.path.join(self.make_folder("ssd", "links"), "a.safetensors")
        # The size of a link is the length of what it says.
        for file in (self.source, self.copy):
            self.make_file(file, content=b"x" * len(self.copy))
        try:
            os.symlink(self.copy, link)
        except OSError as error:
            self.skipTest("no symbolic links here: %s" % error)
        self.answer_with(link)
        self.assert_source_is_used()

    def test_another_base_name_is_not_given_out_since_loaders_go_by_it(self):
        self.answer_with(self.make_file("ssd", "checkpoints", "0f3a.bin"))
        self.assert_source_is_used()

    def test_a_relative_path_is_not_an_answer(self):
        self.addCleanup(os.chdir, os.getcwd())
        os.chdir(os.path.dirname(self.copy))
        self.answer_with("a.safetensors")
        self.assert_source_is_used()

    def test_garbage_is_not_an_answer(self):
        for body in (b"", b"nonsense", b"[]", b"null", b"{}", b'{"path":5}', b"\xff\xfe", b'{"path":' * 3):
            with self.subTest(body):
                self.daemon.misbehave = lambda handler, body=body: send_bytes(handler, 200, body)
                # A daemon that starts is asked at once.
                self.daemon.announce()
                with self.no_error_in_the_resolver():
                    self.assertEqual(self.load(), self.source)
        self.assertEqual(len(self.daemon.lookups), 8)

    def test_what_is_not_http_is_not_an_answer(self):
        def talk(handler):
            handler.wfile.write(b"220 mail.example ESMTP\r\n")
            handler.close_connection = True

        self.daemon.misbehave = talk
        self.assert_source_is_used()

    def test_an_endless_answer_is_not_read_to_its_end(self):
        def flood(handler):
            try:
                handler.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
                while True:
                    handler.wfile.write(b" " * 65536)
            except OSError:
                flooded.set()

        flooded = threading.Event()
        self.daemon.misbehave = flood
        self.assert_source_is_used()
        self.assertTrue(flooded.wait(10))

    def test_an_error_of_the_daemon_gives_the_source(self):
        self.daemon.misbehave = lambda handler: send(handler, 500, {"error": {"code": "INTERNAL"}})
        self.assert_source_is_used()

    def test_a_source_that_vanishes_after_it_was_found_is_left_to_the_node(self):
        gone = os.path.join(self.models, "checkpoints", "gone.safetensors")
        resolve = self.wrapper.autocached.resolve
        self.assertEqual(in_thread(lambda: resolve(gone, "checkpoints", "gone.safetensors")), gone)
        self.assertEqual(self.daemon.lookups, [])

    def test_an_error_inside_the_resolver_gives_the_source(self):
        def explode(*_):
            raise RuntimeError("a fault of ours")

        self.wrapper.autocached.resolve = explode
        self.assert_source_is_used()
