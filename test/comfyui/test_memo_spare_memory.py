"""Copies of outputs are made in memory that was used before: ComfyUI waits for them."""

from memo_case import MemoCase

MIB = 1 << 20


class Memory(MemoCase):
    def setUp(self):
        super().setUp()
        self.memory = self.module("spare_memory").SpareMemory()

    def test_what_is_given_back_is_taken_again_the_smallest_that_fits(self):
        blocks = [bytearray(size * MIB) for size in (8, 2, 4)]
        for block in blocks:
            self.memory.give(block)
        self.assertIs(self.memory.take(3 * MIB), blocks[2])
        self.assertIs(self.memory.take(3 * MIB), blocks[0])
        self.assertEqual(len(self.memory.take(3 * MIB)), 3 * MIB)
        self.assertIs(self.memory.take(2 * MIB), blocks[1])

    def test_no_block_is_given_to_two(self):
        self.memory.give(bytearray(2 * MIB))
        one, other = self.memory.take(MIB), self.memory.take(MIB)
        self.assertIsNot(one, other)

    def test_what_is_kept_is_bounded_and_the_largest_stay(self):
        blocks = [bytearray(size * MIB) for size in (20, 30, 40)]
        for block in blocks:
            self.memory.give(block)
        self.assertIs(self.memory.take(MIB), blocks[0])
        self.assertIs(self.memory.take(MIB), blocks[2])
        self.assertEqual(len(self.memory.take(MIB)), MIB)

    def test_two_outputs_of_common_size_find_memory_at_hand(self):
        self.memory.prepare()
        for _ in range(2):
            self.assertGreater(len(self.memory.take(12 * MIB)), 12 * MIB)
