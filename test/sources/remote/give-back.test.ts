import { expect, test } from 'vitest';
import { giveBack } from '../../../src/sources/drivers/remote/give-back.ts';

test('the memory of a piece that fills it is given back at once', () => {
  const piece = Buffer.alloc(65_536, 'x');
  const { buffer } = piece;
  giveBack(piece);
  expect([piece.length, buffer.byteLength]).toEqual([0, 0]);
});

test('memory in which other pieces lie stays', () => {
  const memory = Buffer.alloc(65_536, 'x');
  const [first, last] = [memory.subarray(0, 40_000), memory.subarray(40_000)];
  giveBack(first);
  giveBack(last);
  expect([first.length, last.length, memory.equals(Buffer.alloc(65_536, 'x'))]).toEqual([40_000, 25_536, true]);
  const small = Buffer.from('a small one');
  const beside = Buffer.from('another small one');
  giveBack(small);
  expect([small.toString(), beside.toString()]).toEqual(['a small one', 'another small one']);
});

test('memory that is shared with threads stays', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(1000));
  giveBack(shared);
  expect(shared.length).toBe(1000);
});
