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

const heap = new URL('../../src/runtime/heap.ts', import.meta.url).href;
const run = (args: string[]) => Number(execFileSync(process.execPath, args, { encoding: 'utf8' }));

test('what a daemon no longer needs does not stay in its memory until there is much of it', () => {
  const mostOf = (how: string) => run(['--max-semi-space-size=1', '--input-type=module', '--eval', program, heap, how]);
  expect(mostOf('bounded')).toBeLessThan(mostOf('unbounded') / 2);
});

/** Makes many functions hot at once, and prints the growth of the peak memory, MiB. */
const compiling = `
  const { freeCompilationsAtOnce } = await import(process.argv[1]);
  if (process.argv[2] === 'freed') freeCompilationsAtOnce();
  const lines = Array.from({ length: 40 }, (_, i) => \`o.a\${i % 7} += o.b\${i % 5} * x + \${i}; if (o.a\${i % 7} > 1e6) o.a\${i % 7} = \${i};\`);
  const functions = Array.from({ length: 200 }, (_, i) => new Function('o', 'x', \`\${lines.join('')} return o.a1 + \${i};\`));
  const o = { a0: 0, a1: 1, a2: 2, a3: 3, a4: 4, a5: 5, a6: 6, b0: 1, b1: 2, b2: 3, b3: 4, b4: 5 };
  const peak = () => process.resourceUsage().maxRSS / 1024;
  const before = peak();
  for (let round = 0; round < 3000; round += 1) for (const each of functions) each(o, round);
  console.log(peak() - before);
`;

// Node 22 is built without Maglev.
test.skipIf(process.version.startsWith('v22.'))('the memory of a compilation does not wait for the end of all others', () => {
  const growthOf = (how: string) => run(['--maglev', '--input-type=module', '--eval', compiling, heap, how]);
  expect(growthOf('freed')).toBeLessThan(growthOf('kept') / 2);
});
