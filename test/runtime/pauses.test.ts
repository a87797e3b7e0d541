import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { mapInTurns } from '../../src/runtime/pauses.ts';

const busy = (ms: number) => {
  for (const until = performance.now() + ms; performance.now() < until; );
};

test('other work has its turns while thousands of items are begun, and all come in their order', async () => {
  const items = Array.from({ length: 200 }, (_, index) => index);
  let turns = 0;
  let working = true;
  const other = (async () => {
    for (; working; turns++) await nextTurn();
  })();
  const made = await mapInTurns(items, async (item) => {
    busy(0.5);
    return item;
  });
  working = false;
  await other;
  expect(made).toEqual(items);
  expect(turns).toBeGreaterThan(5);
});

test('one that fails early is told when all have begun', async () => {
  let begun = 0;
  const failing = mapInTurns([1, 2, 3], async (item) => {
    begun += 1;
    busy(6);
    if (item === 1) throw new Error('the first');
  });
  await expect(failing).rejects.toThrow('the first');
  expect(begun).toBe(3);
});
