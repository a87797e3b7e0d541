"""The parts of the daemon's answers for browsers. They contain no path of a file."""

from __future__ import annotations

_MODEL = ("name", "category", "node", "classType", "tier", "reason", "word", "why", "size", "ready", "pinned")
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
        "written": (stats.get("written") or {}).get("files", 0),
        "unrepeatable": _unrepeatable(stats),
    }


def workflow_view(analysis: dict, jobs: dict) -> dict:
    """From POST /api/workflows/analyze and GET /api/jobs. `copy` of a model is the id of the job that copies it."""
    by_path = {job.get("path"): job.get("id") for job in jobs.get("jobs", ()) if job.get("state") in _UNDER_WAY}
    models = [dict(_only(model, _MODEL), copy=by_path.get(model.get("path"))) for model in analysis.get("models", ())]
    return {"alive": True, "models": models, "copies": _copies(jobs)}


def _unrepeatable(stats: dict) -> list:
    """The classes of nodes whose outputs are not kept, because one was another one for the same inputs."""
    comparisons = (stats.get("memo") or {}).get("comparisons") or {}
    return [one.get("class") for one in comparisons.get("unrepeatable", ())]


def _copies(jobs: dict) -> list:
    return [_only(job, _COPY) for job in jobs.get("jobs", ()) if job.get("state") in _UNDER_WAY]


def _only(whole: dict, keys: tuple) -> dict:
    return {key: whole.get(key) for key in keys}
