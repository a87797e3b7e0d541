"""Outputs of nodes become JSON and come back as they were; what is not in the closed list does not."""

import collections
import enum
import json
import random
import struct
import unittest

from memo_case import MemoCase


class Leaf:
    def __init__(self, name):
        self.name = name


class Structure(MemoCase):
    def setUp(self):
        super().setUp()
        self.structure = self.module("structure")

    def encode(self, value):
        def leaf(found):
            if type(found) is not Leaf:
                raise self.structure.Unstorable(type(found).__name__)
            return {"leaf": found.name}

        return json.dumps(self.structure.encode(value, leaf), allow_nan=False)

    def decode(self, text):
        return self.structure.decode(json.loads(text), lambda found: Leaf(found["leaf"]))

    def refuses(self, work, *args):
        with self.assertRaises(self.structure.Unstorable):
            work(*args)

    def test_ten_thousand_random_values_come_back_bit_for_bit(self):
        make = random.Random(20261129)
        for _ in range(10_000):
            value = random_value(make, 5)
            found = self.decode(self.encode(value))
            self.assertEqual(exact(found), exact(value))

    def test_lists_and_dictionaries_are_copies(self):
        value = [{"a": [1]}]
        text = self.encode(value)
        value[0]["a"].append(2)
        self.assertEqual(self.decode(text), [{"a": [1]}])

    def test_what_is_not_in_the_list_is_refused_wherever_it_is(self):
        class Text(str):
            pass

        class Number(enum.IntEnum):
            ONE = 1

        others = [Text("a"), Number.ONE, {1, 2}, frozenset(), b"bytes", object(), collections.OrderedDict(), 1j, len, str, range(3), 1 << 2000]
        for other in others:
            for value in (other, [other], (1, other), {"a": other}, {"a": [({"b": other},)]}):
                with self.subTest(value):
                    self.refuses(self.encode, value)

    def test_what_never_ends_is_refused(self):
        circle = []
        circle.append(circle)
        deep = []
        for _ in range(100):
            deep = [deep]
        for value in (circle, deep, [0] * 200_000):
            self.refuses(self.encode, value)
        for text in ("[" * 100 + "]" * 100, json.dumps([0] * 200_000)):
            self.refuses(self.decode, text)

    def test_json_that_was_not_written_here_is_refused(self):
        texts = ["{}", "1.5", '{"float": 1}', '{"float": "zz"}', '{"float": "00"}', '{"tuple": 1}', '{"tuple": {"a": 1}}', '{"dict": [1]}']
        texts += ['{"dict": [[1]]}', '{"dict": [[[], 1]]}', '{"dict": [[{"dict": []}, 1]]}', '{"dict": [[{"tuple": [[]]}, 1]]}']
        texts += ['{"dict": {"a": 1}}', '{"dict": ["ab"]}', "1" + "0" * 999]
        for text in texts:
            with self.subTest(text):
                self.refuses(self.decode, text)


def random_value(make, depth):
    kinds = ["none", "bool", "int", "float", "str", "leaf"] + (["list", "tuple", "dict"] * 2 if depth else [])
    kind = make.choice(kinds)
    if kind == "none":
        return None
    if kind == "bool":
        return make.random() < 0.5
    if kind == "int":
        return make.choice([0, -1, 1, 2**53 + 1, 2**64 - 1, -(2**63), make.getrandbits(200)])
    if kind == "float":
        return struct.unpack("<d", make.randbytes(8))[0] if make.random() < 0.7 else make.choice([0.0, -0.0, float("inf"), 1e-320, 1.0])
    if kind == "str":
        return "".join(chr(make.choice([*range(0x250), 0x2028, 0xD800, 0xDFFF, 0xFFFF, 0x1F600])) for _ in range(make.randrange(6)))
    if kind == "leaf":
        return Leaf("%x" % make.getrandbits(64))
    parts = [random_value(make, depth - 1) for _ in range(make.randrange(5))]
    if kind == "dict":
        return dict((random_key(make), part) for part in parts)
    return parts if kind == "list" else tuple(parts)


def random_key(make):
    return make.choice([None, True, 7, -1, 2**70, 1.5, "", "pooled_output", "$blob", "float", ("a", 1, (None,))])


def exact(value):
    """The value with its types, and floats as their bits: NaN differs from itself, and -0.0 equals 0."""
    if type(value) is float:
        return "float", struct.pack("<d", value)
    if type(value) in (list, tuple):
        return type(value).__name__, [exact(part) for part in value]
    if type(value) is dict:
        return "dict", [(exact(key), exact(part)) for key, part in value.items()]
    return (type(value).__name__, value.name if type(value) is Leaf else value)


if __name__ == "__main__":
    unittest.main()
