"""The structure of a node's output as JSON and back, for a closed list of types. No pickle: decoding can run no code."""

from __future__ import annotations

import struct

# Maximum depth and size of kept values. The daemon reads at most 200 levels of JSON, and a level here takes three of them.
MOST_DEPTH = 60
MOST_VALUES = 100_000
# Seeds have 64 bits. Python refuses to print integers of thousands of digits.
_MOST_INT_BITS = 1024


class Unstorable(Exception):
    """The value has a part that is not in the closed list, or is too large. The message says which."""


def encode(value, encode_leaf):
    """
    JSON for the value. Only exact types count: a subclass may carry more than its base shows. `encode_leaf(value)` returns a JSON object
    with a first key that is none of `float`, `tuple` and `dict`, or raises Unstorable. Lists and dictionaries are copied.
    """
    return _Walk(encode_leaf).encode(value, 0)


def decode(encoded, decode_leaf):
    """The value of a JSON text that `encode` made. `decode_leaf` is the counterpart. Raises Unstorable for anything else."""
    return _Walk(decode_leaf).decode(encoded, 0)


class _Walk:
    """One pass over a value; it counts."""

    def __init__(self, leaf):
        self._leaf = leaf
        self._left = MOST_VALUES

    def _enter(self, depth: int) -> int:
        self._left -= 1
        if depth > MOST_DEPTH or self._left < 0:
            raise Unstorable("too many values or levels")
        return depth + 1

    def encode(self, value, depth: int):
        depth = self._enter(depth)
        kind = type(value)
        if value is None or kind is bool or kind is str:
            return value
        if kind is int:
            return _checked(value)
        if kind is float:
            return {"float": struct.pack(">d", value).hex()}
        if kind is list:
            return [self.encode(part, depth) for part in value]
        if kind is tuple:
            return {"tuple": [self.encode(part, depth) for part in value]}
        if kind is dict:
            return {"dict": [[self.encode(key, depth), self.encode(part, depth)] for key, part in value.items()]}
        return self._leaf(value)

    def decode(self, encoded, depth: int):
        depth = self._enter(depth)
        kind = type(encoded)
        if encoded is None or kind is bool or kind is str:
            return encoded
        if kind is int:
            return _checked(encoded)
        if kind is list:
            return [self.decode(part, depth) for part in encoded]
        if kind is not dict or not encoded:
            raise Unstorable("no value: %s" % kind.__name__)
        name = next(iter(encoded))
        if name == "float":
            return _float(encoded[name])
        if name == "tuple":
            return tuple(self.decode(part, depth) for part in _list(encoded[name]))
        if name == "dict":
            return dict(self._pair(pair, depth) for pair in _list(encoded[name]))
        return self._leaf(encoded)

    def _pair(self, pair, depth: int) -> tuple:
        if len(_list(pair)) != 2:
            raise Unstorable("no key and value")
        key = self.decode(pair[0], depth)
        if not _is_hashable(key):
            raise Unstorable("no key: %s" % type(key).__name__)
        return key, self.decode(pair[1], depth)


def _checked(value: int) -> int:
    if value.bit_length() > _MOST_INT_BITS:
        raise Unstorable("an integer of %d bits" % value.bit_length())
    return value


def _float(digits) -> float:
    try:
        return struct.unpack(">d", bytes.fromhex(digits))[0]
    except (TypeError, ValueError, struct.error):
        raise Unstorable("no float") from None


def _list(value) -> list:
    if type(value) is not list:
        raise Unstorable("no list: %s" % type(value).__name__)
    return value


def _is_hashable(key) -> bool:
    return all(map(_is_hashable, key)) if type(key) is tuple else key is None or type(key) in (bool, int, float, str)
