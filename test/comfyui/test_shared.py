"""Another user's daemon is believed only by who names the group that it is shared with, and only what members cannot write to."""

import os
import sys
import types
import unittest
from unittest import mock

from fake_comfyui import ComfyTest

GROUP = 54320


def found(mode, gid=GROUP):
    return types.SimpleNamespace(st_uid=54321, st_gid=gid, st_mode=mode)


@unittest.skipUnless(hasattr(os, "geteuid"), "users are told apart otherwise here")
class Sharing(ComfyTest):
    def setUp(self):
        super().setUp()
        self.start_shim()
        self.private = sys.modules["autocached_comfyui.private"]

    def believes(self, stat, forbidden, env):
        with mock.patch.dict(os.environ, env, clear=True):
            try:
                self.private.check_own("/x", stat, forbidden)
            except ValueError:
                return False
        return True

    def test_a_token_that_is_shared_with_the_named_group(self):
        token, shared = found(0o100640), {"AUTOCACHE_GROUP": str(GROUP)}
        self.assertTrue(self.believes(token, self.private.SECRET, shared))
        self.assertFalse(self.believes(token, self.private.SECRET, {}))
        self.assertFalse(self.believes(found(0o100640, gid=1), self.private.SECRET, shared))
        self.assertFalse(self.believes(token, self.private.SECRET, {"AUTOCACHE_GROUP": "no such group"}))

    def test_what_members_can_write_or_a_secret_that_others_can_read_is_not_believed(self):
        shared = {"AUTOCACHE_GROUP": str(GROUP)}
        self.assertFalse(self.believes(found(0o100660), self.private.OURS, shared))
        self.assertFalse(self.believes(found(0o100644), self.private.SECRET, shared))
        self.assertTrue(self.believes(found(0o100644), self.private.OURS, shared))


if __name__ == "__main__":
    unittest.main()
