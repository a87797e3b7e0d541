"""The one change in ComfyUI: folder_paths.get_full_path is wrapped, and can be unwrapped."""

from __future__ import annotations

import functools
import logging
import os
import sys

from .browser import Browser
from .embeddings import Embeddings
from .host import asks_for_metadata, client_of, is_interruption, model_folders
from .loads import Loads
from .memo.memo import Memo
from .node import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS, AutocachedPath
from .offline import OfflineFolders
from .placeholder import NoCopy, is_placeholder, no_copy
from .prefetch import Prefetch
from .printable import escape
from .remote_embeddings import RemoteEmbeddings
from .remote_headers import RemoteHeaders
from .remotes import RemoteFolders
from .resolver import Resolver
from .state import state_directory

log = logging.getLogger("autocached")

_prefetch: Prefetch | None = None
_browser: Browser | None = None


def install(folder_paths, here: str):
    """Wraps folder_paths.get_full_path and returns the wrapper; a second call returns the wrapper that stands."""
    global _prefetch, _browser
    original = folder_paths.get_full_path
    if hasattr(original, "autocached"):
        return original
    log.addFilter(escape)
    def own_folders():
        added = offline.folders | remotes.folders
        return [folder for folder in model_folders(folder_paths) if folder["path"] not in added]

    def heard():
        offline.refresh()
        remotes.refresh()

    resolver = Resolver(state_directory(here), folders=own_folders)
    offline = OfflineFolders(resolver.daemon, folder_paths)
    remotes = RemoteFolders(state_directory(here), resolver.daemon, folder_paths)
    headers = RemoteHeaders(resolver.daemon)
    checked = Embeddings(folder_paths, offline, remotes, RemoteEmbeddings(remotes, resolver)).checked
    loads = Loads(resolver.loaded)
    memo = Memo(resolver.daemon, folder_paths, lambda category, name: own(category, name), loads)
    prefetch = _prefetch = Prefetch(resolver.daemon, resolver.registration, memo, heard, checked)

    @functools.wraps(original)
    def get_full_path(folder_name, filename, *args, **kwargs):
        path = original(folder_name, filename, *args, **kwargs)
        if not get_full_path.enabled or not (path is None or isinstance(path, str)):
            return path
        try:
            frame = sys._getframe(1)
            client = client_of(frame)
            if client is None:
                return asks_for_metadata(frame) and remotes.holds(path) and headers.file_for(path) or path
            category, name = _category(folder_paths, folder_name), _name(filename)
            prefetch.loads(client)
            memo.opens(client, category, name)
            if memo.audit.is_own(client.get("prompt")) and not resolver.has_copy(path, category, name, client):
                if path is not None and is_placeholder(path):
                    raise no_copy(path, "no copy is made to compute a kept result again")
                return path
            is_away = path is None or offline.holds(path)
            copy = resolver.find(category, name, client) if is_away else resolver.resolve(path, category, name, client)
            if copy is not None and copy != path:
                loads.began(client, copy)
            return copy or path
        except Exception as error:
            if isinstance(error, NoCopy) or is_interruption(error):
                raise
            log.warning("autocached: an error in the resolver; ComfyUI's own answer stands: %s", path, exc_info=True)
            return path

    def own(folder_name, filename):
        path = original(folder_name, filename)
        return None if offline.holds(path) else path

    get_full_path.enabled = True
    get_full_path.autocached, get_full_path.offline, get_full_path.remotes = resolver, offline, remotes
    folder_paths.get_full_path = get_full_path
    AutocachedPath.own, AutocachedPath.resolver = staticmethod(own), resolver
    _browser = Browser(resolver.daemon, resolver.registration, memo)
    heard()
    resolver.registration.offer()
    return get_full_path


def nodes_are_loading() -> tuple[dict, dict]:
    """Called when ComfyUI loads custom nodes: its server exists and does not serve yet. Returns classes and titles of nodes."""
    if _prefetch is not None:
        _prefetch.attach()
    if _browser is not None:
        _browser.attach()
    return NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS


def uninstall(folder_paths, wrapper) -> bool:
    """
    Makes the wrapper a pass-through for modules that have imported it, and restores the original function. False when another pack
    has wrapped the wrapper: restoring would remove that pack's wrapper too.
    """
    wrapper.enabled = False
    wrapper.offline.close()
    wrapper.remotes.close()
    AutocachedPath.resolver = None
    if folder_paths.get_full_path is not wrapper:
        return False
    folder_paths.get_full_path = wrapper.__wrapped__
    return True


def _category(folder_paths, folder_name):
    """`unet` and `clip` are old names of categories."""
    map_legacy = getattr(folder_paths, "map_legacy", None)
    return map_legacy(folder_name) if map_legacy else folder_name


def _name(filename):
    """The name as ComfyUI normalises it: it cannot lead out of a model folder."""
    return os.path.relpath(os.path.join("/", filename), "/")
