"""Finds the daemon's state directory, by the same rules as the daemon."""

from __future__ import annotations

import os
import sys

# `autocached comfyui install` writes it beside these files: ComfyUI may have another environment than the daemon.
STATE_FILE = "autocached_state.txt"


def state_directory(here: str, env=os.environ, platform: str = sys.platform) -> str:
    """The state directory: AUTOCACHE_STATE, else the one noted in `here` at installation, else the platform's default."""
    named = env.get("AUTOCACHE_STATE") or _first_line(os.path.join(here, STATE_FILE))
    if named:
        return os.path.abspath(os.path.expanduser(named))
    home = os.path.expanduser("~")
    if platform == "win32":
        local = env.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
        return os.path.join(local, "autocached", "State")
    if platform == "darwin":
        return os.path.join(home, "Library", "Application Support", "autocached")
    return os.path.join(env.get("XDG_STATE_HOME") or os.path.join(home, ".local", "state"), "autocached")


def _first_line(file: str) -> str:
    try:
        with open(file, encoding="utf-8") as lines:
            return lines.readline().strip()
    except (OSError, UnicodeDecodeError):
        return ""
