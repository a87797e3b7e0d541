"""What an output node has put out for people: its files must be there when it is shown again."""

from __future__ import annotations

import os


class SavedFiles:
    def __init__(self, folder_paths):
        self._folder_paths = folder_paths

    def states(self, ui: dict | None) -> list[list] | None:
        """Each file that an output names, as [type, subfolder, name, size, mtime]. None when one is not there."""
        found = []
        for name, folder, kind in _named_in(ui):
            path = self._path(name, folder, kind)
            try:
                state = os.stat(path) if path else None
            except OSError:
                state = None
            if state is None:
                return None
            found.append([kind, folder, name, state.st_size, str(state.st_mtime_ns)])
        return found

    def _path(self, name: str, folder: str, kind: str) -> str | None:
        of = getattr(self._folder_paths, "get_directory_by_type", None)
        within = of(kind) if of else None
        if within is None:
            return None
        path = os.path.abspath(os.path.join(within, folder, name))
        return path if path.startswith(os.path.join(os.path.abspath(within), "")) else None


def _named_in(value):
    """Name, folder and type of all files that a ui output names."""
    if isinstance(value, dict):
        if isinstance(value.get("filename"), str):
            yield value["filename"], str(value.get("subfolder") or ""), str(value.get("type") or "output")
        for part in value.values():
            yield from _named_in(part)
    elif isinstance(value, (list, tuple)):
        for part in value:
            yield from _named_in(part)
