"""The saved files of an output node: they must exist when it is shown again, or are restored."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets

from .structure import Unstorable

# Maximum size of one node's files kept with its output. Larger ones are not restored: the node runs again.
_MOST_BYTES = 64 << 20
# A result may come from another machine. No file that could be a program is restored.
_ENDINGS = frozenset(".png .jpg .jpeg .webp .gif .avif .exr .mp4 .webm .mkv .mov .mp3 .flac .opus .wav .ogg .m4a .glb .obj .ply .svg".split())
_KINDS = ("output", "temp")


class SavedFiles:
    """A file is a row: [type, subfolder, name, size, mtime, the blob of its content or None]."""

    def __init__(self, folder_paths):
        self._folder_paths = folder_paths

    def states(self, ui: dict | None) -> list[list] | None:
        """A row without content for each file that an output names. None when one is missing."""
        found = []
        for name, folder, kind in _named_in(ui):
            path = self._path(name, folder, kind)
            state = _state(path) if path else None
            if state is None:
                return None
            found.append([kind, folder, name, *state, None])
        return found

    def with_contents(self, rows: list[list]) -> tuple[list[list], dict[str, bytes]]:
        """The rows with blobs, and these by their SHA-256. Files that are too large or have changed get none."""
        kept, blobs, left = [], {}, _MOST_BYTES
        for *row, _ in rows:
            content = self._content(row, left)
            if content is not None:
                left -= len(content)
                name = hashlib.sha256(content).hexdigest()
                blobs[name] = content
            kept.append([*row, None if content is None else {"$blob": name}])
        return kept, blobs

    def can_be_shown(self, rows: list[list]) -> bool:
        """True when each file exists unchanged or can be restored. Raises errors of malformed rows."""
        return all(self._is_there(row) or (blob is not None and self._may_be_put_back(row)) for *row, blob in map(_checked, rows))

    def put_back(self, rows: list[list], read) -> None:
        """
        Writes the files that are gone, never over another one. `read(sha256)` returns the content of a blob, whose hash it has checked.
        Raises Unstorable or OSError.
        """
        for *row, blob in map(_checked, rows):
            if self._is_there(row):
                continue
            if blob is None or not self._may_be_put_back(row):
                raise Unstorable("a file that it has saved is not as it was")
            kind, folder, name, size, mtime = row
            content = read(blob["$blob"])
            if len(content) != size:
                raise Unstorable("a file of another size")
            _write(self._path(name, folder, kind), content, int(mtime))

    def _is_there(self, row: list) -> bool:
        kind, folder, name, *state = row
        path = self._path(name, folder, kind)
        return path is not None and _state(path) == state

    def _may_be_put_back(self, row: list) -> bool:
        kind, folder, name, *_ = row
        path = self._path(name, folder, kind)
        return path is not None and kind in _KINDS and os.path.splitext(name)[1].lower() in _ENDINGS and not os.path.lexists(path)

    def _content(self, row: list, most: int) -> bytes | None:
        kind, folder, name, size, _ = row
        if size > most:
            return None
        try:
            with open(self._path(name, folder, kind), "rb") as file:
                content = file.read(size + 1)
        except OSError:
            return None
        return content if len(content) == size and self._is_there(row) else None

    def _path(self, name: str, folder: str, kind: str) -> str | None:
        of = getattr(self._folder_paths, "get_directory_by_type", None)
        within = of(kind) if of else None
        if within is None:
            return None
        path = os.path.abspath(os.path.join(within, folder, name))
        return path if path.startswith(os.path.join(os.path.abspath(within), "")) else None


def _state(path: str) -> list | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return [found.st_size, str(found.st_mtime_ns)]


def _checked(row: list) -> list:
    kind, folder, name, size, mtime, blob = row
    if not all(type(text) is str for text in (kind, folder, name, mtime)) or type(size) is not int:
        raise ValueError("no saved file")
    return [kind, folder, name, size, mtime, blob]


def _write(path: str, content: bytes, mtime_ns: int) -> None:
    """Gives a whole file an unused name by a link, which fails if the name exists; a rename would replace that file."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    beside = "%s.autocached-%s" % (path, secrets.token_hex(8))
    try:
        _create(beside, content, mtime_ns)
        try:
            os.link(beside, path)
        except FileExistsError:
            raise
        except OSError:
            # The disk has no links.
            _create(path, content, mtime_ns)
    finally:
        with contextlib.suppress(OSError):
            os.unlink(beside)


def _create(path: str, content: bytes, mtime_ns: int) -> None:
    with open(path, "xb") as file:
        try:
            file.write(content)
        except BaseException:
            file.close()
            os.unlink(path)
            raise
    os.utime(path, ns=(mtime_ns, mtime_ns))


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
