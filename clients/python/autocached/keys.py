"""The parts that a result depends on, as JSON: the name of a function and its arguments. The daemon derives the key from them."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import inspect
import json
import math
import os
import pathlib
import sys
import uuid
from typing import Callable

from . import arrays
from .hashing import file_sha256, sha256_of

# Types of values that their text determines.
_BY_TEXT = (complex, decimal.Decimal, uuid.UUID, datetime.date, datetime.timedelta)
# The daemon has a limit of 200, of which a level here may take several.
_MOST_LEVELS = 50


class NoStableKey(TypeError):
    """A value has no form that is the same in every process. Use `key=` to name the parts that the result depends on."""


def as_parts(value):
    """
    JSON unchanged, with bytes by their SHA-256 and files by their contents, so that programs in other languages can make the same key.
    Raises NoStableKey.
    """
    return _interchange(value, 0)


def parts_of_calls(function, name: str) -> Callable[..., dict]:
    """
    Returns a function for the parts of a call from its arguments, which differ by type too: `1`, `1.0` and `True` are three. It raises
    NoStableKey.
    """
    signature = inspect.signature(function)
    is_method = _is_method(function, signature)

    def parts_of(*args, **kwargs) -> dict:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        forms = {}
        for index, (argument, value) in enumerate(bound.arguments.items()):
            try:
                forms[argument] = _receiver(value) if is_method and index == 0 else _form(value, 0)
            except (NoStableKey, OSError, ValueError, RecursionError) as why:
                message = "%s: the argument %s has no stable form (%s); say with key= what the result depends on"
                raise NoStableKey(message % (name, argument, why)) from why
        return {"python": name, "arguments": forms}

    return parts_of


def name_of(function) -> str:
    """Module and name of a function. A program's main file counts by its path, because many programs have a `__main__`."""
    module = function.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name if spec else os.path.abspath(file) if file else module
    return "%s:%s" % (module, function.__qualname__)


def _interchange(value, level: int):
    if level > _MOST_LEVELS:
        raise NoStableKey("the parts of a key have at most %d levels" % _MOST_LEVELS)
    kind = type(value)
    if value is None or kind in (bool, int, str) or (kind is float and math.isfinite(value)):
        return value
    if kind in (list, tuple):
        return [_interchange(item, level + 1) for item in value]
    if kind is dict and all(type(name) is str for name in value):
        return {name: _interchange(item, level + 1) for name, item in value.items()}
    if kind is bytes:
        return {"$sha256": sha256_of(value)}
    if isinstance(value, pathlib.PurePath):
        return {"$sha256": _contents(value)}
    return _form(value, level)


def _form(value, level: int):
    if level > _MOST_LEVELS:
        raise NoStableKey("more than %d levels" % _MOST_LEVELS)
    kind = type(value)
    if value is None or kind in (bool, int, str):
        return value
    if kind is float:
        return {"$float": repr(value)}
    if kind is list:
        return [_form(item, level + 1) for item in value]
    if kind is tuple:
        return {"$tuple": [_form(item, level + 1) for item in value]}
    if kind is dict:
        return _dict_form(value, level)
    if kind in (set, frozenset):
        return {"$set": sorted(_text(_form(item, level + 1)) for item in value)}
    if kind is bytes:
        return {"$sha256": sha256_of(value)}
    if kind is bytearray:
        return {"$bytearray": sha256_of(value)}
    if isinstance(value, pathlib.PurePath):
        return {"$file": _contents(value)}
    if kind in _BY_TEXT:
        return {"$" + kind.__name__: str(value)}
    if isinstance(value, enum.Enum):
        return {"$enum": [_class_name(kind), value.name]}
    if isinstance(value, type):
        return {"$class": _class_name(value)}
    if dataclasses.is_dataclass(value):
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"$dataclass": [_class_name(kind), _dict_form(fields, level)]}
    return _array_form(value)


def _array_form(value):
    if arrays.is_array(value) or arrays.is_scalar(value):
        return {"$" + type(value).__name__: sha256_of(arrays.array_bytes(value))}
    if arrays.is_tensor(value):
        raw = arrays.raw_tensor(value.detach())
        return {"$tensor": [raw.dtype, list(raw.shape), sha256_of(raw.data)]}
    raise NoStableKey("it is a %s" % _class_name(type(value)))


def _dict_form(value: dict, level: int):
    if all(type(name) is str and not name.startswith("$") for name in value):
        return {name: _form(item, level + 1) for name, item in value.items()}
    pairs = [(_form(name, level + 1), _form(item, level + 1)) for name, item in value.items()]
    return {"$dict": sorted(pairs, key=_text)}


def _receiver(value):
    """`self` of a method is its class and its attributes, `cls` is the class."""
    kind = type(value)
    attributes = getattr(value, "__dict__", None)
    if isinstance(value, type) or dataclasses.is_dataclass(value) or attributes is None or not _is_plain(kind):
        return _form(value, 0)
    return {"$object": [_class_name(kind), _dict_form(dict(attributes), 0)]}


def _is_plain(kind: type) -> bool:
    """True for a class whose objects have only a `__dict__`: no slots, and nothing from a class written in C."""
    own = [base for base in kind.__mro__ if base is not object]
    return all("__slots__" not in vars(base) and base.__flags__ & _HEAP_TYPE for base in own)


# Objects of a program's own classes.
_HEAP_TYPE = 1 << 9


def _is_method(function, signature: inspect.Signature) -> bool:
    outer, _, _ = function.__qualname__.rpartition(".")
    first = next(iter(signature.parameters), "")
    return bool(outer) and not outer.endswith("<locals>") and first in ("self", "cls")


def _contents(path: pathlib.PurePath) -> str:
    try:
        return file_sha256(path)
    except (OSError, ValueError) as why:
        raise NoStableKey("the file cannot be read: %s" % why) from why


def _class_name(kind: type) -> str:
    return name_of(kind)


def _text(form) -> str:
    return json.dumps(form, sort_keys=True)
