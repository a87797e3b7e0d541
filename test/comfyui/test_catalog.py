"""Sealed copies that are used while no daemon answers."""

import json
import os
import shutil
import sqlite3
import sys

from fake_comfyui import ComfyTest

SCHEMA = """
CREATE TABLE ready (source_path, source_size, source_mtime_ns TEXT, copy_path, copy_size, copy_mtime_ns TEXT, copy_ino TEXT, tier);
CREATE TABLE mode (serves INTEGER);
INSERT INTO mode VALUES (1);
CREATE VIEW resolver_v1 AS SELECT * FROM ready WHERE (SELECT serves FROM mode);
"""


class WithoutDaemon(ComfyTest):
    columns = "source_path, source_size, source_mtime_ns, copy_path, copy_size, copy_mtime_ns, copy_ino, tier"

    def setUp(self):
        super().setUp()
        self.source, self.copy = self.make_source_and_copy()
        with open(os.path.join(self.state, "directories.json"), "w", encoding="utf-8") as file:
            json.dump({"directories": [self.ssd, os.path.join(self.dir, "ram")]}, file)
        self.file = os.path.join(self.state, "catalog.db")
        self.catalog = sqlite3.connect(self.file, isolation_level=None)
        self.addCleanup(lambda: self.catalog.close())
        self.catalog.execute("PRAGMA journal_mode=WAL")
        self.catalog.executescript(SCHEMA)
        self.start_shim()

    def seal(self, source, copy, tier="ssd"):
        s, c = os.stat(source), os.stat(copy)
        row = (source, s.st_size, str(s.st_mtime_ns), copy, c.st_size, str(c.st_mtime_ns), str(c.st_ino), tier, str(s.st_ino), str(s.st_ctime_ns))
        count = len(self.columns.split(","))
        self.catalog.execute("INSERT INTO ready (%s) VALUES (%s)" % (self.columns, ",".join("?" * count)), row[:count])

    def know_files(self):
        """The catalog's view is one of those that tell inodes and ctimes too."""
        self.catalog.executescript("ALTER TABLE ready ADD COLUMN source_ino TEXT; ALTER TABLE ready ADD COLUMN source_ctime_ns TEXT; CREATE VIEW resolver_v2 AS SELECT * FROM ready;")
        self.columns += ", source_ino, source_ctime_ns"

    def test_a_sealed_copy_is_used(self):
        self.seal(self.source, self.copy)
        self.assertEqual(self.load(), self.copy)

    def test_reading_the_catalog_leaves_no_file_of_comfyuis_user_in_the_state_directory(self):
        self.seal(self.source, self.copy)
        self.catalog.close()
        before = sorted(os.listdir(self.state))
        self.assertEqual(self.load(), self.copy)
        self.assertEqual(sorted(os.listdir(self.state)), before)

    def test_another_file_of_the_same_size_and_mtime_is_not_taken_for_the_source(self):
        self.know_files()
        self.seal(self.source, self.copy)
        seen = os.stat(self.source)
        self.assertEqual(self.load(), self.copy)
        if sys.platform != "win32":
            # Written to in place, and its mtime put back.
            with open(self.source, "r+b") as file:
                file.write(b"W")
            os.utime(self.source, ns=(seen.st_mtime_ns, seen.st_mtime_ns))
            self.assertEqual(self.load(), self.source)
        other = self.make_file("other", content=b"W" * seen.st_size)
        os.utime(other, ns=(seen.st_mtime_ns, seen.st_mtime_ns))
        os.replace(other, self.source)
        self.assertEqual(self.load(), self.source)

    def test_a_model_folder_that_is_a_link_leads_to_the_same_copies(self):
        self.seal(self.source, self.copy)
        linked = os.path.join(self.dir, "linked")
        try:
            os.symlink(os.path.join(self.models, "checkpoints"), linked)
        except (OSError, NotImplementedError):
            self.skipTest("no symbolic links")
        self.folder_paths.folder_names_and_paths["checkpoints"] = ([linked], {".safetensors"})
        self.assertEqual(self.load(), self.copy)

    def test_a_model_folder_that_was_a_link_when_it_was_named_leads_to_the_same_copies(self):
        if sys.platform == "win32":
            self.skipTest("no ctimes there")
        self.know_files()
        linked, other = os.path.join(self.dir, "linked"), os.path.join(self.dir, "other")
        for link in (linked, other):
            os.symlink(os.path.join(self.models, "checkpoints"), link)
        self.seal(os.path.join(linked, "a.safetensors"), self.copy)
        self.assertEqual(self.load(), self.copy)
        self.folder_paths.folder_names_and_paths["checkpoints"] = ([other], {".safetensors"})
        self.assertEqual(self.load(), self.copy)

    def test_a_copy_in_memory_comes_before_one_on_the_ssd(self):
        self.seal(self.source, self.copy)
        fast = os.path.join(self.make_folder("ram"), "a.safetensors")
        shutil.copy2(self.copy, fast)
        self.seal(self.source, fast, "ram")
        self.assertEqual(self.load(), fast)

    def test_a_copy_in_memory_that_is_not_what_was_sealed_gives_way_to_the_one_on_the_ssd(self):
        self.seal(self.source, self.copy)
        fast = os.path.join(self.make_folder("ram"), "a.safetensors")
        for harm in (lambda: os.utime(fast, ns=(1, 1)), lambda: os.remove(fast)):
            shutil.copy2(self.copy, fast)
            self.seal(self.source, fast, "ram")
            harm()
            self.assertEqual(self.load(), self.copy)

    def test_a_source_that_changed_is_loaded_itself(self):
        self.seal(self.source, self.copy)
        os.utime(self.source, ns=(1, 1))
        self.assertEqual(self.load(), self.source)
        self.make_file("models", "checkpoints", "a.safetensors", content=b"other weights")
        self.assertEqual(self.load(), self.source)

    def test_a_copy_that_was_touched_since_it_was_sealed_is_not_used(self):
        self.seal(self.source, self.copy)
        os.utime(self.copy, ns=(1, 1))
        self.assertEqual(self.load(), self.source)

    def test_a_copy_that_was_replaced_by_another_file_is_not_used(self):
        self.seal(self.source, self.copy)
        other = self.copy + ".other"
        shutil.copy2(self.copy, other)
        os.replace(other, self.copy)
        self.assertEqual(self.load(), self.source)

    def test_a_copy_that_is_gone_is_not_used(self):
        self.seal(self.source, self.copy)
        os.remove(self.copy)
        self.assertEqual(self.load(), self.source)

    def test_a_compressed_copy_is_not_given_to_a_loader(self):
        self.seal(self.source, self.copy, "cold")
        self.load()
        with self.no_log_line():
            self.assertEqual(self.load(), self.source)

    def test_a_sealed_copy_of_another_size_is_not_used(self):
        self.make_file("ssd", "checkpoints", "a.safetensors", content=b"half")
        self.seal(self.source, self.copy)
        self.assertEqual(self.load(), self.source)

    def test_with_the_mode_off_nothing_is_served(self):
        self.seal(self.source, self.copy)
        self.catalog.execute("UPDATE mode SET serves = 0")
        self.assertEqual(self.load(), self.source)

    def test_a_catalog_of_another_shape_gives_the_source(self):
        self.catalog.execute("DROP VIEW resolver_v1")
        self.assertEqual(self.load(), self.source)

    def test_a_damaged_catalog_gives_the_source(self):
        self.catalog.close()
        with open(self.file, "wb") as file:
            file.write(b"no database" * 1000)
        self.assertEqual(self.load(), self.source)

    def test_no_catalog_gives_the_source_and_makes_none(self):
        self.catalog.close()
        for name in os.listdir(self.state):
            os.remove(os.path.join(self.state, name))
        self.assertEqual(self.load(), self.source)
        self.assertEqual(os.listdir(self.state), [])

    def test_a_locked_catalog_does_not_hold_the_node_up(self):
        self.seal(self.source, self.copy)
        self.catalog.execute("PRAGMA journal_mode=DELETE")
        self.catalog.execute("BEGIN EXCLUSIVE")
        with open(self.file + "-wal", "wb"):
            pass
        self.assertEqual(self.load(), self.source)
