"""
Predicts the outputs of a prompt that will probably come from the memo, before it runs. ComfyUI's own hashes are not known yet, so outputs
are found by their structure: the same key, with the signature of the node instead of ComfyUI's hash. A wrong guess only delays a copy.
"""

from __future__ import annotations

from typing import Iterable

from .ancestry import Ancestry
from .classes import ALL, may_be_kept
from .current import is_current
from .files import Files
from .identity import Identity
from .opened import OpenedFiles
from .plan import plan
from .results import Results
from .saved import SavedFiles


def structure_of(identity: Identity, ancestry: Ancestry, node: str, is_strict: bool) -> str | None:
    """None when the influences on the output are uncertain."""
    return identity.key(ancestry, node, ancestry.signature(node), is_strict)


def foresee(
    prompt: dict, targets: Iterable[str] | None, local: set[str], *, results: Results, identity: Identity, files: Files, saved: SavedFiles
) -> set[str]:
    """
    The nodes whose outputs ComfyUI will probably be given when it runs a prompt; it has those of `local` itself. Reads the disk and asks
    the daemon. `files` is only for this call, because a file may change before the prompt's nodes read it.
    """
    mode = results.mode
    ancestry = Ancestry(prompt, files, OpenedFiles(), may_be_repeatable=mode == ALL)
    nodes = [node for node in prompt if node not in local and may_be_kept(ancestry.class_of(node), mode)]
    structures = {node: structure_of(identity, ancestry, node, results.is_strict) for node in nodes}
    found = results.likely([one for one in structures.values() if one is not None])
    hits = {node for node, one in structures.items() if one in found and is_current(found[one], node, ancestry, files, saved)}
    return plan(prompt, prompt if targets is None else targets, hits, local)
