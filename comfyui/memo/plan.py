"""Chooses the known outputs that ComfyUI must be given so that it runs no unneeded node."""

from __future__ import annotations

from typing import Iterable

from ..graph import sources


def plan(prompt: dict, targets: Iterable[str], hits: set[str], local: set[str]) -> set[str]:
    """
    The nodes of `hits` to give; ComfyUI has the outputs of `local` itself. ComfyUI queues each target, known or not, and walks from every
    queued node to all its sources whose outputs it lacks; nodes that it has walked to run. So a source that hits must be given, and only a
    source that misses is walked through. Lazy sources may be needed, and count as needed. A target is given when nothing runs for it.
    """
    aims = [node for node in targets if node in prompt]
    given, queued, waiting = set(), set(), list(aims)
    while waiting:
        node = waiting.pop()
        if node in queued:
            continue
        queued.add(node)
        for source in sources(prompt[node]):
            if source not in prompt or source in local:
                continue
            if source in hits:
                given.add(source)
            else:
                waiting.append(source)
    there = given | local
    return given | {node for node in aims if node in hits and node not in local and there.issuperset(sources(prompt[node]))}
