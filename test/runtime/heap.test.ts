import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';

/** Keeps the last `kept` of many objects alive, and prints the most that the old generation had, MiB. */
const program = `
  import { getHeapSpaceStatistics } from 'node:v8';
  const { boundOldGeneration } = await import(process.argv[1]);
  if (process.argv[2] === 'bounded') boundOldGeneration();
  const kept = [];
  let most = 0;
  for (let round = 0; round < 600; round += 1) {
    kept[round % 40] = Array.from({ length: 1000 }, (_, index) => ({ index, text: String(index * round) }));
    const { space_used_size: used } = getHeapSpaceStatistics().find(({ space_name }) => space_name === 'old_space');
    most = Math.max(most, used / 2 ** 20);
  }
  console.log(most);
`;

const mostOf = (how: string) => {
  const heap = new URL('../../src/runtime/heap.ts', import.meta.url).href;
  const args = ['--max-semi-space-size=1', '--input-type=module', '--eval', program, heap, how];
  return Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));
};

test('what a daemon no longer needs does not stay in its memory until there is much of it', () => {
  expect(mostOf('bounded')).toBeLessThan(mostOf('unbounded') / 2);
});
