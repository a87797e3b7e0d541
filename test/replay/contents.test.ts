import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Policy, risingWith } from '../../src/policy/policy.ts';
import { Contents, type File } from '../../src/replay/contents.ts';

function fileOf(size: number, coldRatio: number): File {
  const fingerprint = { size, mtimeNs: '0', ino: null };
  return {
    path: 'a',
    root: '',
    rel: 'a',
    category: null,
    uses: 1,
    lastUse: 1,
    votes: 1,
    votedAt: 1,
    fingerprint,
    secondsPerByte: 1,
    pace: '1',
    coldRatio,
  };
}

/** The worth that files are said to have. */
function worthOf(worth: (file: File) => number): Policy {
  const score: Policy['score'] = ({ entry }) => worth(entry as File);
  const order = risingWith(
    (candidate) => [score(candidate, 0)],
    () => (keys, from) => keys[from] ?? 0,
  );
  return { name: 'worth', score, order, admit: () => true };
}

const step = fc.record({ index: fc.nat(9), size: fc.integer({ min: 1, max: 60 }), worth: fc.nat(100) });

test('whatever is put in, the limit holds, and compressed copies take half of it at most', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const files = new Map<number, File>();
      const worth = new Map<File, number>();
      const contents = new Contents(
        100,
        worthOf((file) => worth.get(file) ?? 0),
      );
      for (const { index, size, worth: value } of steps) {
        const file = files.get(index) ?? fileOf(size, 1 + index / 5);
        files.set(index, file);
        worth.set(file, value);
        contents.touched(file);
        const victims = contents.victimsFor(file.fingerprint.size, file, 0);
        if (contents.stateOf(file) === 'hot' || !victims) continue;
        for (const { file: victim } of victims) contents.remove(victim);
        contents.put(file, 'hot');
        for (const written of contents.demote(0)) expect(written).toBeGreaterThan(0);
        const { hot, cold } = contents.used;
        expect(hot + cold).toBeLessThanOrEqual(100);
        expect(cold).toBeLessThanOrEqual(51);
      }
    }),
  );
});

test('the least valuable leave first, and no more than is needed', () => {
  const files = [3, 1, 2].map((score) => ({ file: fileOf(30, 1), score }));
  const contents = new Contents(
    100,
    worthOf((file) => files.find((each) => each.file === file)?.score ?? 0),
  );
  for (const { file } of files) contents.put(file, 'hot');
  const leaving = (bytes: number) =>
    contents.victimsFor(bytes, fileOf(1, 1), 0)?.map(({ file }) => files.findIndex((f) => f.file === file));
  expect(leaving(10)).toEqual([]);
  expect(leaving(40)).toEqual([1]);
  expect(leaving(41)).toEqual([1, 2]);
  expect(leaving(101)).toBeUndefined();
});
