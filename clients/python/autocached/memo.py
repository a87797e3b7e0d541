"""`Memo`: functions whose results are remembered, over restarts, by all programs of the machine."""

from __future__ import annotations

import datetime
import functools
import inspect
import os
import pathlib
import re
from typing import Awaitable, Callable, NamedTuple

from .daemon import daemon_at
from .hashing import file_sha256, sha256_of
from .keys import NoStableKey, as_parts, name_of, parts_of_calls
from .once import Once
from .per_process import PerProcess
from .results import Question, Results, lifetime, local_name


_NAMESPACE = re.compile(r"[A-Za-z0-9][A-Za-z0-9.:_-]{0,99}")


class Memo:
    """
    The results of one program. `version` is part of every key: change it when the code gives other results. `wait_seconds` is the
    maximum wait for another process that computes the same; after that it is computed here too. `state` is the daemon's state directory
    if the daemon does not find it by itself.
    """

    def __init__(self, namespace: str, version: str | None = None, *, state: str | None = None, wait_seconds: float = 600):
        if not _NAMESPACE.fullmatch(namespace):
            form = "1 to 100 letters, digits, dots, colons, hyphens or underscores, the first one a letter or a digit"
            raise ValueError("a namespace has %s: %r" % (form, namespace))
        self._namespace = namespace
        self._version = version
        self._wait_seconds = wait_seconds
        daemon = daemon_at(state, "results are computed")
        self._once: PerProcess[Once] = PerProcess(lambda: Once(Results(daemon())))

    def cached(self, function=None, *, key=None, ttl=None, stale=None, tags=(), deps=(), label=None, text=None):
        """
        A decorator, with and without options, for functions, coroutine functions and methods. Without `key` all arguments are the key;
        `key(*args, **kwargs)` gives the parts of another one, which other programs can share, and which must distinguish this function
        from others. `ttl` and `stale` are `"1h"`, seconds or a timedelta, `ttl="none"` means no limit. `tags`, `deps` (files; their
        change drops the result) and `label` may be functions of the arguments. `text(*args, **kwargs)`, with `key`, gives a part of the key
        that may be worded differently, if the namespace compares texts. Calls raise NoStableKey when an argument has no stable form, and
        CoalescedError when another process that computed for this one has failed.
        """
        said = {"ttl": ttl, "stale": stale, "tags": tags, "deps": deps, "label": label}
        if text is not None and key is None:
            raise TypeError("a text needs a key that gives the rest")
        wrap = functools.partial(self._wrap, key=key, text_of=text, said=said)
        return wrap(function) if function is not None else wrap

    def get_or_compute(self, parts, compute: Callable[[], object], *, text: str | None = None, **said):
        """The result of these parts (JSON; bytes and files by their SHA-256). The options are those of `cached`."""
        return self._once().call(self._question(as_parts(parts), text), compute, lambda: _options(said, (), {}))

    async def get_or_compute_async(self, parts, compute: Callable[[], Awaitable], *, text: str | None = None, **said):
        return await self._once().call_async(self._question(as_parts(parts), text), compute, lambda: _options(said, (), {}))

    def invalidate(
        self,
        *,
        parts=None,
        text: str | None = None,
        keys=(),
        tags=(),
        deps=(),
        older_than: float | datetime.timedelta | None = None,
        all: bool = False,
        dry_run: bool = False,
    ) -> int:
        """
        Removes results that meet all given conditions; returns their number. `parts` and `text` are those of the result; `f.parts(…)` of a
        decorated function has both. `older_than` is seconds or a timedelta; with `dry_run` they are only counted. Raises Trouble when the
        daemon cannot be asked.
        """
        results = self._once().results
        if isinstance(parts, WithText):
            parts, text = parts
        named = [*keys, *([results.key_of(self._question(as_parts(parts), text))] if parts is not None or text is not None else [])]
        body = {"ns": self._namespace, "keys": named, "tags": list(tags), "deps": [_dep(path) for path in deps], "all": all}
        body = {name: value for name, value in dict(body, dryRun=dry_run).items() if value}
        if older_than is not None:
            body["olderThanMs"] = lifetime(older_than)
        return results.invalidate(body)["removed"]

    @staticmethod
    def bytes(data) -> dict:
        """Bytes as a part of a key, by their hash: they are not sent."""
        return {"$sha256": sha256_of(data)}

    @staticmethod
    def file(path: str | os.PathLike) -> dict:
        """The contents of a file as a part of a key. Raises OSError or ValueError."""
        return {"$sha256": file_sha256(path)}

    def _wrap(self, function, key, text_of, said: dict):
        name = _checked(function)
        parts_of = parts_of_calls(function, name) if key is None else lambda *args, **kwargs: as_parts(key(*args, **kwargs))

        def question_of(args, kwargs):
            text = None if text_of is None else text_of(*args, **kwargs)
            return self._question(parts_of(*args, **kwargs), text)

        if inspect.iscoroutinefunction(function):

            @functools.wraps(function)
            async def cached(*args, **kwargs):
                question = question_of(args, kwargs)
                options = functools.partial(_options, said, args, kwargs)
                return await self._once().call_async(question, lambda: function(*args, **kwargs), options)

        else:

            @functools.wraps(function)
            def cached(*args, **kwargs):
                question = question_of(args, kwargs)
                options = functools.partial(_options, said, args, kwargs)
                return self._once().call(question, lambda: function(*args, **kwargs), options)

        # For `invalidate(parts=f.parts(x))`.
        cached.parts = parts_of if text_of is None else lambda *args, **kwargs: WithText(parts_of(*args, **kwargs), text_of(*args, **kwargs))
        return cached

    def _question(self, parts, text: str | None = None) -> Question:
        try:
            local = local_name(self._namespace, self._version, parts, text)
        except ValueError as why:
            raise NoStableKey("the parts of a key are no JSON: %s" % why) from why
        return Question(local, self._namespace, self._version, parts, self._wait_seconds, text)


class WithText(NamedTuple):
    """The parts of a call whose key also has a text."""

    parts: object
    text: str


def _checked(function) -> str:
    """The name of a function that can be cached. Raises TypeError."""
    if isinstance(function, (classmethod, staticmethod, property)):
        raise TypeError("put @cached below @%s" % type(function).__name__)
    if not callable(function) or not hasattr(function, "__qualname__"):
        raise TypeError("only functions and methods can be cached, not %r" % (function,))
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError("%s is a generator: what it yields cannot be cached; return a list" % function.__qualname__)
    return name_of(function)


def _options(said: dict, args: tuple, kwargs: dict) -> dict:
    """The given options of a call, in the daemon's form."""
    given = {name: value(*args, **kwargs) if callable(value) else value for name, value in said.items()}
    options = {
        "ttl": lifetime(given.get("ttl")),
        "stale": lifetime(given.get("stale")),
        "tags": list(given.get("tags") or ()),
        "deps": [_dep(path) for path in given.get("deps") or ()],
        "label": given.get("label"),
    }
    return {name: value for name, value in options.items() if value not in (None, [])}


def _dep(path: str | os.PathLike) -> str:
    text = os.fspath(path)
    return text if text.startswith("file:") else "file:" + str(pathlib.Path(text).absolute())
