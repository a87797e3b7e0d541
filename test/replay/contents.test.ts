import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Contents, type File } from '../../src/replay/contents.ts';

function fileOf(size: number, coldRatio: number): File {
  const fingerprint = { size, mtimeNs: '0', ino: null };
  return { path: 'a', root: '', uses: 1, lastUse: 1, votes: 1, votedAt: 1, fingerprint, secondsPerByte: 1, coldRatio };
}

const step = fc.record({ index: fc.nat(9), size: fc.integer({ min: 1, max: 60 }), worth: fc.nat(100) });

test('whatever is put in, the limit holds, and compressed copies take half of it at most', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const files = new Map<number, File>();
      const worth = new Map<File, number>();
      const contents = new Contents(100, (file) => worth.get(file) ?? 0);
      for (const { index, size, worth: value } of steps) {
        const file = files.get(index) ?? fileOf(size, 1 + index / 5);
        files.set(index, file);
        worth.set(file, value);
        const victims = contents.victimsFor(file.fingerprint.size, file);
        if (contents.stateOf(file) === 'hot' || !victims) continue;
        for (const { file: victim } of victims) contents.remove(victim);
        contents.put(file, 'hot');
        for (const written of contents.demote()) expect(written).toBeGreaterThan(0);
        const { hot, cold } = contents.used;
        expect(hot + cold).toBeLessThanOrEqual(100);
        expect(cold).toBeLessThanOrEqual(51);
      }
    }),
  );
});

test('the least valuable leave first, and no more than is needed', () => {
  const files = [3, 1, 2].map((score) => ({ file: fileOf(30, 1), score }));
  const contents = new Contents(100, (file) => files.find((each) => each.file === file)?.score ?? 0);
  for (const { file } of files) contents.put(file, 'hot');
  const leaving = (bytes: number) =>
    contents.victimsFor(bytes, fileOf(1, 1))?.map(({ file }) => files.findIndex((f) => f.file === file));
  expect(leaving(10)).toEqual([]);
  expect(leaving(40)).toEqual([1]);
  expect(leaving(41)).toEqual([1, 2]);
  expect(leaving(101)).toBeUndefined();
});
