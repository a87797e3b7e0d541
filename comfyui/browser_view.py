"""The parts of the daemon's answers for browsers. They contain no path of a file."""

from __future__ import annotations

import os

from .host import APP

_MODEL = ("name", "category", "node", "classType", "tier", "reason", "word", "why", "size", "ready", "pinned")
_SPARED = ("notNeeded", "reason", "word", "why")
_COPY = ("id", "state", "status", "word", "why", "bytesDone", "bytesTotal", "bytesPerSecond", "etaMs")
_TIER = ("tier", "files", "bytes", "limit")
_UNDER_WAY = ("running", "queued")


def state_view(stats: dict, jobs: dict) -> dict:
    """From GET /api/cache/stats and GET /api/jobs."""
    return {
        "alive": True,
        "version": stats.get("version"),
        "mode": stats.get("mode"),
        "secondsSaved": stats.get("secondsSaved"),
        "tiers": [_only(tier, _TIER) for tier in stats.get("tiers", ())],
        "paused": bool(jobs.get("paused")),
        "copies": _copies(jobs),
        "queue": [_queued(job) for job in _under_way(jobs)],
        "stuck": _stuck(stats),
        "written": (stats.get("written") or {}).get("files", 0),
        "unrepeatable": _unrepeatable(stats),
    }


def workflow_view(analysis: dict, jobs: dict, spared: list = []) -> dict:
    """
    From POST /api/workflows/analyze and GET /api/jobs. `copy` of a model is the id of the job that copies it. `spared` are models without
    a copy for the last queued prompt, because it does not need them.
    """
    by_path = {job.get("path"): job.get("id") for job in jobs.get("jobs", ()) if job.get("state") in _UNDER_WAY}
    not_needed = {(model.get("path"), str(model.get("node"))): _only(model, _SPARED) for model in spared}

    def view(model: dict) -> dict:
        known = not_needed.get((model.get("path"), str(model.get("node")))) if model.get("path") and not model.get("ready") else None
        return {**_only(model, _MODEL), "copy": by_path.get(model.get("path")), **(known or {})}

    models = [view(model) for model in analysis.get("models", ())]
    return {"alive": True, "models": models, "copies": _copies(jobs)}


def _unrepeatable(stats: dict) -> list:
    """The classes of nodes whose outputs are not kept, because one differed for the same inputs."""
    comparisons = (stats.get("memo") or {}).get("comparisons") or {}
    return [one.get("class") for one in comparisons.get("unrepeatable", ())]


def _stuck(stats: dict) -> int:
    """Number of models that this ComfyUI still reads from their sources although their copies are ready."""
    return sum(one.get("app") == APP and one.get("pid") == os.getpid() for one in stats.get("stuck", ()))


def _copies(jobs: dict) -> list:
    return [_only(job, _COPY) for job in _under_way(jobs)]


def _queued(job: dict) -> dict:
    """The name of a file that is copied, and why, in the order of copying. The rest is in `copies`."""
    name = str(job.get("path") or "").replace("\\", "/").rsplit("/", 1)[-1]
    return {"id": job.get("id"), "name": name, "priority": job.get("priority")}


def _under_way(jobs: dict) -> list:
    return [job for job in jobs.get("jobs", ()) if job.get("state") in _UNDER_WAY]


def _only(whole: dict, keys: tuple) -> dict:
    return {key: whole.get(key) for key in keys}
