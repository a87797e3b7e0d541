import fc from 'fast-check';
import { expect, test } from 'vitest';
import { IdSet } from '../../src/roots/id-set.ts';

test('a set of ids has what was added and nothing else, however large the numbers are', () => {
  const ids = fc.uniqueArray(fc.oneof(fc.nat(100), fc.nat(5_000_000)), { maxLength: 50 });
  fc.assert(
    fc.property(ids, ids, (added, asked) => {
      const set = new IdSet();
      for (const id of added) set.add(id);
      for (const id of [...added, ...asked]) expect(set.has(id)).toBe(added.includes(id));
    }),
    { numRuns: 50 },
  );
});
