"""The commands that install and start the daemon, for the sidebar while none answers."""

from __future__ import annotations

import os
import shlex
import shutil
import sys


def start_help(here: str, env=os.environ, platform: str = sys.platform, which=shutil.which) -> dict:
    """`{"says": …, "commands": […]}`. `here` is the folder of the shim, in a clone of the repository or as it was installed."""
    url = env.get("AUTOCACHE_URL", "").strip()
    if url:
        return {"says": "The daemon at AUTOCACHE_URL does not answer: look at its container or machine.", "commands": []}
    clone = os.path.dirname(here)
    is_clone = all(os.path.isfile(os.path.join(clone, name)) for name in ("package.json", "setup.mjs"))
    needs_node = which("npm") is None and (is_clone or which("autocached") is None)
    says = "First install Node 22.22 or newer, from https://nodejs.org. Then, in a terminal:" if needs_node else "To start it, in a terminal:"
    if is_clone:
        # The command works in every shell and directory.
        return {"says": says, "commands": ["npm --prefix %s start" % _quoted(clone, platform)]}
    install = [] if which("autocached") else ["npm install -g autocached"]
    return {"says": says, "commands": [*install, "autocached start --detach"]}


def _quoted(path: str, platform: str) -> str:
    return '"%s"' % path if platform == "win32" else shlex.quote(path)
