"""Tensors and arrays, bit for bit, without a pickle."""

import io
import json
import struct
import unittest
from importlib.util import find_spec
from unittest import mock

import rig
from autocached import NoStableKey
from autocached.tensors import Raw, read_safetensors, write_safetensors

# Made by hand after the format's description.
HEADER = b'{"__metadata__": {"format": "pt"}, "a": {"dtype": "F32", "shape": [1, 2], "data_offsets": [0, 8]}, "b": {"dtype": "U8", "shape": [3], "data_offsets": [8, 11]}}'
FILE = (
    struct.pack("<Q", (len(HEADER) + 7) // 8 * 8) + HEADER + b" " * (-len(HEADER) % 8) + struct.pack("<ff", 1.5, -2) + b"\1\2\3"
)
TENSORS = {"a": Raw("F32", (1, 2), struct.pack("<ff", 1.5, -2)), "b": Raw("U8", (3,), b"\1\2\3")}


class Safetensors(unittest.TestCase):
    def test_a_file_is_written_as_the_format_says_and_read_back(self):
        self.assertEqual(write_safetensors(TENSORS, {"format": "pt"}), FILE)
        self.assertEqual(read_safetensors(FILE), (TENSORS, {"format": "pt"}))

    def test_what_is_no_safetensors_is_one_clear_error(self):
        def file(header, body=b""):
            text = header if isinstance(header, bytes) else json.dumps(header).encode()
            return struct.pack("<Q", len(text)) + text + body

        tensor = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
        bad = [
            b"",
            b"\xff" * 8,
            b"\xff" * 100,
            FILE[:-1],
            FILE[:20],
            file(b"[]"),
            file(b"no json"),
            file({"a": 1}),
            file({"a": {}}),
        ]
        changes = [
            {"dtype": "OBJECT"},
            {"shape": [3]},
            {"shape": [-2]},
            {"data_offsets": [0, 9]},
            {"data_offsets": [8, 0]},
            {"x": 1},
        ]
        bad += [file({"a": {**tensor, **change}}, b"12345678") for change in changes]
        for data in bad:
            with self.assertRaises(ValueError, msg=data):
                read_safetensors(data)


@unittest.skipUnless(find_spec("numpy"), "numpy is not installed")
class Numpy(rig.DaemonTest):
    def test_arrays_come_back_bit_for_bit(self):
        import numpy

        from autocached.arrays import array_bytes, array_pieces

        made = numpy.random.default_rng(1)
        arrays = [
            made.normal(size=(100, 100)),
            made.normal(size=(3, 4)).astype("float16"),
            numpy.asfortranarray(made.integers(0, 255, (20, 30), dtype="uint8")),
            numpy.zeros((0, 4)),
            numpy.array(3.5),
            numpy.array(["a", "grün"]),
            numpy.array([1 + 2j]),
            numpy.array([float("nan"), -0.0], dtype=">f8"),
            numpy.array([(1, 2.0)], dtype=[("x", "i4"), ("y", "f8")]),
        ]
        for index, array in enumerate(arrays):
            self.memo.get_or_compute(["array", index], lambda: array)
            found = self.memo.get_or_compute(["array", index], self.fail)
            self.assertEqual((found.dtype, found.shape, found.tobytes()), (array.dtype, array.shape, array.tobytes()))
            self.assertEqual(b"".join(array_pieces(array)), array_bytes(array))
        self.memo.get_or_compute("nested", lambda: {"x": (arrays[0], numpy.float32(0.1))})
        one, number = self.memo.get_or_compute("nested", self.fail)["x"]
        self.assertEqual((one.tobytes(), type(number), number), (arrays[0].tobytes(), numpy.float32, numpy.float32(0.1)))

    def test_a_large_array_is_stored_without_a_copy(self):
        import numpy

        array = numpy.asfortranarray(numpy.arange(1 << 20, dtype="f8").reshape(1 << 10, 1 << 10))
        self.assertLess(rig.most_allocated(lambda: self.memo.get_or_compute("large", lambda: array)), array.nbytes / 4)
        self.assertEqual(self.memo.get_or_compute("large", self.fail).tobytes(), array.tobytes())

    def test_arrays_are_arguments_by_their_contents(self):
        import numpy

        computed = rig.Counter()

        @self.memo.cached
        def total(array):
            computed(array)
            return float(array.sum())

        ones = numpy.ones((4, 4))
        self.assertEqual([total(ones), total(ones.copy()), total(ones.reshape(2, 8)), total(ones.astype("f4"))], [16.0] * 4)
        self.assertEqual(computed.count, 3)
        with self.assertRaises(NoStableKey):
            total(numpy.array([object()]))

    def test_an_array_of_objects_is_never_stored(self):
        import numpy

        with self.assertLogs("autocached", "WARNING"):
            self.memo.get_or_compute("objects", lambda: numpy.array([{}]))
        self.assertEqual(self.memo.get_or_compute("objects", lambda: 1), 1)

    def test_a_pickle_that_is_stored_as_an_array_is_not_read(self):
        import numpy

        file = io.BytesIO()
        numpy.save(file, numpy.array([{}], dtype=object), allow_pickle=True)
        self.memo.get_or_compute("evil", lambda: file.getvalue())
        name = self.daemon.ask("/api/memo/get", {"ns": self.memo._namespace, "parts": "evil"})["sha256"]
        body = {"ns": self.memo._namespace, "parts": "evil", "blob": name, "contentType": "application/x-npy"}
        self.daemon.ask("/api/memo/put", body)
        self.assertEqual(self.memo.get_or_compute("evil", lambda: "computed"), "computed")


@unittest.skipUnless(find_spec("torch"), "torch is not installed")
class Torch(rig.DaemonTest):
    def test_tensors_come_back_bit_for_bit(self):
        import torch

        torch.manual_seed(1)
        dtypes = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2"]
        tensors = {name: torch.randn(5, 7).to(getattr(torch, name)) for name in dtypes}
        tensors |= {
            name: torch.arange(12).reshape(3, 4).to(getattr(torch, name)) for name in ("int64", "int32", "uint8", "bool")
        }
        tensors |= {
            "empty": torch.zeros(0, 3),
            "one": torch.tensor(2.5),
            "turned": torch.randn(4, 6).t(),
            "complex": torch.randn(3, dtype=torch.complex64).conj(),
        }
        self.memo.get_or_compute("all", lambda: tensors)
        found = self.memo.get_or_compute("all", self.fail)
        self.assertEqual(list(found), list(tensors))
        for name, tensor in tensors.items():
            self.assert_same(found[name], tensor)
            self.memo.get_or_compute(["one", name], lambda: tensor)
            self.assert_same(self.memo.get_or_compute(["one", name], self.fail), tensor)
        self.memo.get_or_compute("nested", lambda: [{"samples": tensors["bfloat16"], "n": 1}])
        nested = self.memo.get_or_compute("nested", self.fail)
        self.assert_same(nested[0]["samples"], tensors["bfloat16"])
        nested[0]["samples"].zero_()

    def assert_same(self, one, other):
        import torch

        self.assertEqual((type(one), one.dtype, one.shape), (type(other), other.dtype, other.shape))
        plain = [tensor.resolve_conj().contiguous().reshape(-1) for tensor in (one, other)]
        self.assertTrue(not other.numel() or torch.equal(*(tensor.view(torch.uint8) for tensor in plain)))

    def test_a_large_tensor_is_stored_without_a_copy(self):
        import torch

        tensor = torch.randn(1 << 21)
        self.assertLess(rig.most_allocated(lambda: self.memo.get_or_compute("large", lambda: tensor)), tensor.nbytes / 4)
        self.assert_same(self.memo.get_or_compute("large", self.fail), tensor)
        # Bytes that must be sent.
        with mock.patch("autocached.results.fill", return_value=None):
            self.memo.get_or_compute("sent", lambda: {"a": tensor})
        self.assert_same(self.memo.get_or_compute("sent", self.fail)["a"], tensor)

    def test_what_elements_do_not_tell_is_not_stored(self):
        import torch

        graph = torch.ones(2, requires_grad=True) * 2
        for index, tensor in enumerate([graph, torch.nn.Parameter(torch.ones(2)), torch.ones(2, 2).to_sparse()]):
            with self.assertLogs("autocached", "WARNING"):
                self.assertIs(self.memo.get_or_compute(["bad", index], lambda: tensor), tensor)
            self.assertEqual(self.memo.get_or_compute(["bad", index], lambda: 1), 1)

    def test_tensors_are_arguments_by_their_contents(self):
        import torch

        computed = rig.Counter()

        @self.memo.cached
        def total(tensor):
            computed(tensor)
            return float(tensor.sum())

        ones = torch.ones(4, 4)
        self.assertEqual([total(ones), total(ones.clone()), total(ones.reshape(2, 8)), total(ones.half())], [16.0] * 4)
        self.assertEqual(computed.count, 3)


@unittest.skipUnless(find_spec("torch") and find_spec("safetensors"), "safetensors is not installed")
class OfOthers(unittest.TestCase):
    def test_the_library_reads_what_we_write_and_we_read_what_it_writes(self):
        import safetensors.torch
        import torch

        from autocached.arrays import tensors_in, tensors_pieces

        tensors = {"a": torch.randn(3, 4), "b": torch.arange(5), "c": torch.randn(2).bfloat16()}
        for found in (safetensors.torch.load(b"".join(tensors_pieces(tensors))), tensors_in(safetensors.torch.save(tensors))):
            self.assertEqual(found.keys(), tensors.keys())
            self.assertTrue(all(torch.equal(found[name], tensors[name]) for name in tensors))


if __name__ == "__main__":
    unittest.main()
