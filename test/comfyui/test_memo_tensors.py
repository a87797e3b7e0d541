"""Tensors of outputs come back bit for bit, as they lay in memory; files that were not written here do not become tensors."""

import hashlib
import json
import sys
import types
import unittest

from memo_case import NO_TORCH, MemoCase, has_torch


@unittest.skipUnless(has_torch, NO_TORCH)
class Tensors(MemoCase):
    def setUp(self):
        super().setUp()
        import torch

        self.torch = torch
        self.tensors, self.structure = self.module("tensors"), self.module("structure")
        torch.manual_seed(3)

    def there_and_back(self, value):
        snapshot = self.tensors.Snapshot(value)
        self.files = whole(snapshot.files())
        encoded = json.loads(json.dumps(snapshot.encoded))
        self.assertEqual(self.tensors.names_in(encoded), set(self.files))
        for name, content in self.files.items():
            self.assertEqual(name, hashlib.sha256(content).hexdigest())
        return self.tensors.restore(encoded, self.files.__getitem__)

    def assert_same(self, one, other):
        self.assertEqual((type(one), one.dtype, one.shape, one.device), (type(other), other.dtype, other.shape, other.device))
        self.assertEqual(*(strides(tensor) for tensor in (one, other)))
        plain = [tensor.contiguous().reshape(-1) for tensor in (one, other)]
        self.assertTrue(not other.numel() or self.torch.equal(*(tensor.view(self.torch.uint8) for tensor in plain)))

    def random_tensor(self, dtype):
        torch = self.torch
        shape = torch.randint(0, 5, (int(torch.randint(0, 5, ())),)).tolist()
        size = torch.empty(0, dtype=dtype).element_size()
        if dtype is torch.bool:
            made = torch.rand(shape) > 0.5
        else:
            made = torch.randint(0, 256, (*shape, size), dtype=torch.uint8).view(dtype).reshape(shape)
        return made.permute(torch.randperm(len(shape)).tolist())

    def test_every_type_of_number_in_every_order_of_memory(self):
        names = ["float64", "float32", "float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "int64", "int32", "int16", "int8", "uint8", "bool"]
        for name in names:
            for _ in range(60):
                made = self.random_tensor(getattr(self.torch, name))
                self.assert_same(self.there_and_back(made), made)

    def test_a_file_is_byte_for_byte_what_the_library_writes(self):
        from safetensors.torch import save

        for shape in ([], [0], [7], [2, 3, 5]):
            for dtype in (self.torch.float32, self.torch.bfloat16, self.torch.bool):
                made = self.torch.ones(shape).to(dtype)
                self.there_and_back([made])
                self.assertEqual(list(self.files.values()), [save({"tensor": made})])

    def test_copies_lie_in_memory_of_their_own_when_elements_lie_apart_too(self):
        made = self.torch.randn(8, 8)
        for view in (made, made.t(), made[:, 2:5], made[3], made[::2, ::2], made.expand(3, 8, 8)):
            snapshot, before = self.tensors.Snapshot([view]), view.clone()
            made += 1
            self.assert_same(self.tensors.restore(snapshot.encoded, whole(snapshot.files()).__getitem__)[0].contiguous(), before.contiguous())

    def test_a_conditioning_and_a_latent(self):
        torch = self.torch
        cond = [[torch.randn(1, 77, 8), {"pooled_output": torch.randn(1, 8), "guidance": 3.5, "area": (1, 2, 3, 4), "mask": None}]]
        latent = {"samples": torch.randn(1, 4, 8, 8).half(), "batch_index": [0], "seed": 2**64 - 1}
        outputs = [[cond], [latent], ["text", 3]]
        found = self.there_and_back(outputs)
        self.assert_same(found[0][0][0][0], cond[0][0])
        self.assert_same(found[0][0][0][1].pop("pooled_output"), cond[0][1].pop("pooled_output"))
        self.assert_same(found[1][0].pop("samples"), latent.pop("samples"))
        cond[0].pop(0), found[0][0][0].pop(0)
        self.assertEqual(found, outputs)

    def test_what_the_node_behind_writes_into_a_tensor_is_not_kept(self):
        made = self.torch.ones(3)
        snapshot = self.tensors.Snapshot([made])
        made.zero_()
        files = whole(snapshot.files())
        self.assertEqual(self.tensors.restore(snapshot.encoded, files.__getitem__)[0].tolist(), [1, 1, 1])

    def test_a_large_copy_is_whole_in_memory_that_another_one_had_and_its_memory_is_used_again(self):
        memory = self.module("spare_memory").SpareMemory()
        memory.give(bytearray(b"\xff" * (6 << 20)))
        blocks = []
        for seed in range(3):
            self.torch.manual_seed(seed)
            made = self.torch.randn(1000, 1031).t()
            snapshot = self.tensors.Snapshot([made], memory=memory)
            blocks += snapshot._blocks
            kept = made.clone()
            made.zero_()
            files = whole(snapshot.files())
            snapshot.release()
            self.assert_same(self.tensors.restore(snapshot.encoded, files.__getitem__)[0], kept)
        self.assertEqual(len(set(map(id, blocks))), 1)

    def test_equal_tensors_are_one_file_and_come_back_as_two(self):
        made = self.torch.randn(4, 4)
        one, other = self.there_and_back([made, made.clone()])
        self.assertEqual(len(self.files), 1)
        one.zero_()
        self.assert_same(other, made)

    def test_several_tensors_of_one_latent(self):
        class NestedTensor:
            def __init__(self, tensors):
                self.tensors = list(tensors)

        sys.modules["comfy.nested_tensor"] = types.SimpleNamespace(NestedTensor=NestedTensor)
        made = NestedTensor([self.torch.randn(2, 3), self.torch.randn(4)])
        found = self.there_and_back({"samples": made})["samples"]
        self.assertIs(type(found), NestedTensor)
        for one, other in zip(found.tensors, made.tensors):
            self.assert_same(one, other)

    def test_what_elements_do_not_tell_is_refused(self):
        torch = self.torch

        class Own(torch.Tensor):
            pass

        graph = torch.ones(2, requires_grad=True)
        others = [graph, graph * 2, torch.nn.Parameter(torch.ones(2)), torch.ones(2, 2).to_sparse(), torch.ones(2).as_subclass(Own)]
        others += [torch.ones(2, device="meta"), torch.ones(2, dtype=torch.complex64), torch.nn.Linear(1, 1)]
        others += [torch.quantize_per_tensor(torch.ones(2), 0.1, 0, torch.qint8), torch.float16]
        for other in others:
            with self.subTest(type(other)), self.assertRaises(self.structure.Unstorable):
                self.tensors.Snapshot([other])

    def test_room_is_asked_for_before_a_tensor_is_copied(self):
        asked = []
        self.tensors.Snapshot([self.torch.ones(2), self.torch.ones(3).half()], asked.append)
        self.assertEqual(asked, [8, 6])

    def test_files_and_json_that_were_not_written_here_are_refused(self):
        from safetensors.torch import save

        ones = self.torch.ones(2, 3)
        good = save({"tensor": ones})
        files = {"good": good, "two": save({"tensor": ones, "more": ones.clone()}), "other": save({"x": ones}), "cut": good[:-1], "none": b"", "odd": b"\xff" * 99}
        named = [{"tensor": {"$blob": name}} for name in files if name != "good"]
        blob = {"$blob": "good"}
        named += [{"tensor": blob, "order": order} for order in ([0], [0, 0], [1, 2], "ab", [0, 1, 2], [True, 0], {"a": 1}, [0] * 100)]
        named += [{"tensor": blob, "device": device} for device in ("meta", "mps", 3, "cuda:1")]
        named += [{"tensor": name} for name in (None, "good", {}, {"$blob": 1}, ["good"])] + [{"nested": one} for one in (None, [1], {}, [{}])] + [{"x": 1}]
        for one in named:
            with self.subTest(one), self.assertRaises(self.structure.Unstorable):
                self.tensors.restore(one, files.__getitem__)


def whole(files):
    return {name: b"".join(parts) for name, parts in files.items()}


def strides(tensor):
    """Those that decide where an element lies."""
    return [stride for stride, size in zip(tensor.stride(), tensor.shape) if size > 1] if tensor.numel() else []


if __name__ == "__main__":
    unittest.main()
