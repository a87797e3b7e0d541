"""A file that an output node had saved and that is gone is put back, whole, with its time, and never over another one."""

import errno
import hashlib
import os
import shutil
import tempfile
import types
from unittest import mock

from memo_case import MemoCase

UI = {"images": [{"filename": "image_00001_.png", "subfolder": "of/today", "type": "output"}]}


class SavedFiles(MemoCase):
    def setUp(self):
        super().setUp()
        self.saved = self.module("saved")
        self.Unstorable = self.module("structure").Unstorable
        self.dir = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.dir)
        paths = types.SimpleNamespace(get_directory_by_type=lambda kind: os.path.join(self.dir, kind))
        self.files = self.saved.SavedFiles(paths)
        self.path = os.path.join(self.dir, "output", "of", "today", "image_00001_.png")
        self.write(self.path, b"a picture")

    def write(self, path, content):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(content)

    def read(self, path=None):
        with open(path or self.path, "rb") as file:
            return file.read()

    def keep(self):
        """What is stored of it."""
        self.rows, self.blobs = self.files.with_contents(self.files.states(UI))
        return self.rows

    def put_back(self, rows=None):
        self.files.put_back(self.rows if rows is None else rows, self.blobs.__getitem__)

    def test_a_file_that_is_gone_is_put_back_as_it_was_with_its_folder(self):
        rows, before = self.keep(), os.stat(self.path)
        shutil.rmtree(os.path.join(self.dir, "output"))
        self.assertTrue(self.files.can_be_shown(rows))
        self.put_back()
        self.assertEqual(self.read(), b"a picture")
        self.assertEqual((os.stat(self.path).st_mtime_ns, os.stat(self.path).st_nlink), (before.st_mtime_ns, 1))
        self.assertEqual(os.listdir(os.path.dirname(self.path)), ["image_00001_.png"])
        self.assertEqual([row[:5] for row in rows], [row[:5] for row in self.files.states(UI)])

    def test_another_file_under_its_name_stays(self):
        rows = self.keep()
        self.write(self.path, b"another one")
        self.assertFalse(self.files.can_be_shown(rows))
        with self.assertRaises(self.Unstorable):
            self.put_back()
        self.assertEqual(self.read(), b"another one")

    def test_another_file_that_comes_in_that_moment_stays(self):
        self.keep()
        for has_links in (True, False):
            os.unlink(self.path)
            link = os.link

            def meanwhile(beside, path):
                self.write(path, b"another one")
                if not has_links:
                    raise OSError(errno.EPERM, "no links here")
                link(beside, path)

            with self.subTest(has_links=has_links), mock.patch("os.link", meanwhile), self.assertRaises(FileExistsError):
                self.put_back()
            self.assertEqual(self.read(), b"another one")
            self.assertEqual(os.listdir(os.path.dirname(self.path)), ["image_00001_.png"])

    def test_a_disk_without_links_has_it_too(self):
        self.keep()
        os.unlink(self.path)
        with mock.patch("os.link", side_effect=OSError(errno.EPERM, "no links here")) as link:
            self.put_back()
        link.assert_called_once()
        self.assertEqual(self.read(), b"a picture")

    def test_a_disk_that_is_full_leaves_no_part_of_it(self):
        rows = self.keep()
        os.unlink(self.path)
        with mock.patch.object(self.saved, "open", lambda *args: Full(open(*args)), create=True), self.assertRaises(OSError):
            self.put_back()
        self.assertEqual(os.listdir(os.path.dirname(self.path)), [])
        self.assertTrue(self.files.can_be_shown(rows))

    def test_a_file_that_has_changed_before_it_was_read_is_not_kept(self):
        states = self.files.states(UI)
        self.write(self.path, b"a longer picture")
        rows, blobs = self.files.with_contents(states)
        self.assertEqual((rows[0][5], blobs), (None, {}))

    def test_a_large_file_is_not_kept_and_its_node_runs_again(self):
        self.saved._MOST_BYTES = 8
        rows = self.keep()
        self.assertTrue(self.files.can_be_shown(rows))
        os.unlink(self.path)
        self.assertFalse(self.files.can_be_shown(rows))

    def test_odd_rows_write_nothing(self):
        [row] = self.keep()
        os.unlink(self.path)
        self.write(os.path.join(self.dir, "outside.png"), b"x")
        programs = ("a.py", "a.html", "a.png.exe", "a", ".bashrc")
        odd = [[*row[:1], "..", *row[2:]], [*row[:1], "../..", "b.png", *row[3:]], ["input", *row[1:]], ["custom_nodes", *row[1:]]]
        odd += [[*row[:2], name, *row[3:]] for name in programs] + [[*row[:3], 5, *row[4:]]]
        before = sorted(os.walk(self.dir))
        for one in odd:
            with self.subTest(one), self.assertRaises((self.Unstorable, ValueError)):
                self.put_back([one])
        for one in ([], ["output"], [None] * 6, [*row, 1], [*row[:4], 5, row[5]]):
            with self.subTest(one), self.assertRaises((ValueError, TypeError)):
                self.files.can_be_shown([one])
        self.assertEqual(sorted(os.walk(self.dir)), before)

    def test_the_blob_is_named_by_its_content(self):
        [row] = self.keep()
        name = hashlib.sha256(b"a picture").hexdigest()
        self.assertEqual((row[5], self.blobs), ({"$blob": name}, {name: b"a picture"}))


class Full:
    """A file on a full disk."""

    def __init__(self, file):
        self._file = file

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._file.close()

    def close(self):
        self._file.close()

    def write(self, content):
        self._file.write(content[:1])
        raise OSError(errno.ENOSPC, "no space")
