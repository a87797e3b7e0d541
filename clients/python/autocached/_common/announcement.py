"""The daemon's address, token and trusted directories, from files that only the user can have written or from the environment."""

from __future__ import annotations

import json
import os
import re
from typing import NamedTuple
from urllib.parse import urlsplit

from .private import OURS, SECRET, believed_directories, check_own, read_private

_TOKEN = re.compile("[0-9a-f]{64}")
_LOOPBACK = re.compile(r"localhost|::1|127(\.\d{1,3}){3}")


class Announcement(NamedTuple):
    """The contents of daemon.json and the token, or the environment's values in their place."""

    url: str
    pid: int
    token: str
    # A path in an answer is trusted only below one of these.
    directories: tuple[str, ...]
    # Pairs of a directory's path in the daemon and its path in this process. They differ between containers.
    path_map: tuple[tuple[str, str], ...]

    @property
    def host(self) -> str:
        """Host and port as the Host header has them."""
        url = urlsplit(self.url)
        name = "[%s]" % url.hostname if ":" in url.hostname else url.hostname
        return name if url.port in (None, 80) else "%s:%d" % (name, url.port)

    def here(self, path: str) -> str:
        """Translates a path of the daemon to a path of this process."""
        return _mapped(path, self.path_map)

    def there(self, path: str) -> str:
        """Translates a path of this process to a path of the daemon."""
        return _mapped(path, tuple((here, there) for there, here in self.path_map))


def read_announcement(file: str, env=os.environ) -> Announcement:
    """`file` is daemon.json in the state directory. Raises OSError, ValueError, KeyError or TypeError."""
    state_dir = os.path.dirname(file)
    named_url, named_token = env.get("AUTOCACHE_URL", "").strip(), env.get("AUTOCACHE_TOKEN_FILE", "").strip()
    # A token file that the user names may have another owner, such as a container's secret.
    rule = None if named_token else SECRET
    token_file = named_token or os.path.join(state_dir, "token")
    if named_url:
        path_map = _parse_map(env.get("AUTOCACHE_PATH_MAP", ""))
        here = tuple(here for _, here in path_map)
        return Announcement(_http(named_url), 0, _read_token(token_file, rule), here, path_map)
    check_own(state_dir, os.stat(state_dir))
    found = json.loads(read_private(file, OURS))
    url = _http(str(found["url"]))
    if not _LOOPBACK.fullmatch(urlsplit(url).hostname):
        raise ValueError("%s is not of this machine; if it is your daemon, set AUTOCACHE_URL" % url)
    if not named_token:
        token_file = os.path.normpath(os.path.join(state_dir, found["tokenFile"]))
        if os.path.dirname(token_file) != os.path.normpath(state_dir):
            raise ValueError("it names a token outside the state directory")
    return Announcement(url, int(found["pid"]), _read_token(token_file, rule), believed_directories(state_dir), ())


def _http(text: str) -> str:
    url = urlsplit(text)
    if url.scheme != "http" or not url.hostname or not url.port:
        raise ValueError("its url is %s" % text)
    return url.geturl()


def _read_token(file: str, rule: int | None) -> str:
    token = read_private(file, rule).strip()
    if not _TOKEN.fullmatch(token):
        raise ValueError(file + " does not hold a token")
    return token


def _parse_map(text: str) -> tuple[tuple[str, str], ...]:
    """Parses `/srv/cache=/cache;/mnt/models=/models`: for each directory its path in the daemon and its path in this process."""
    pairs = [tuple(item.strip().split("=")) for item in text.split(";") if item.strip()]
    if any(len(pair) != 2 for pair in pairs):
        raise ValueError("AUTOCACHE_PATH_MAP is %s" % text)
    return tuple((os.path.normpath(there), os.path.normpath(here)) for there, here in pairs)


def _mapped(path: str, pairs: tuple[tuple[str, str], ...]) -> str:
    for old, new in pairs:
        if path == old or path.startswith(os.path.join(old, "")):
            return os.path.join(new, os.path.relpath(path, old)) if path != old else new
    return path
