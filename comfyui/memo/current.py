"""Whether the files that a result was made of are unchanged."""

from __future__ import annotations

from .ancestry import Ancestry
from .files import Files
from .saved import SavedFiles


def is_current(value, node: str, ancestry: Ancestry, files: Files, saved: SavedFiles, by_content: bool = False) -> bool:
    """
    False when a file that the node or an ancestor has chosen, or that the node has saved, has changed. A saved file may be gone, if it
    can be restored. `value` is its JSON; with `by_content` its key proves that the named models have the same bytes.
    """
    if not isinstance(value, dict) or not all(isinstance(value.get(name), list) for name in ("files", "unnamed", "saved")):
        return False
    if not by_content and value["files"] != ancestry.files(node):
        return False
    try:
        return all(files.state(category, name) == state for category, name, state in value["unnamed"]) and saved.can_be_shown(value["saved"])
    except Exception:
        return False
