import { describe, expect, test } from 'vitest';
import { blockMemory, giveBack } from '../../src/runtime/block-memory.ts';

describe('memory that was given back', () => {
  const size = 300_000;

  test('is used again, by one at a time', () => {
    const first = blockMemory(size);
    giveBack(first);
    const second = blockMemory(size);
    const third = blockMemory(size);
    expect(second.buffer).toBe(first.buffer);
    expect(third.buffer).not.toBe(first.buffer);
  });

  test('serves a smaller need, and then the larger one again', () => {
    const first = blockMemory(size);
    giveBack(first);
    const smaller = blockMemory(4096);
    expect([smaller.length, smaller.buffer]).toEqual([4096, first.buffer]);
    giveBack(smaller);
    const larger = blockMemory(size);
    expect([larger.length, larger.buffer]).toEqual([size, first.buffer]);
  });

  test('that is too small is left alone', () => {
    const small = blockMemory(4096);
    giveBack(small);
    expect(blockMemory(size).length).toBe(size);
  });
});
