import { stat } from 'node:fs/promises';
import { getPriority } from 'node:os';
import { expect, test } from 'vitest';
import { setPoolPriority } from '../../src/runtime/pool-threads.ts';

test.runIf(process.platform === 'linux')('reading and writing leave the processor to lookups', async () => {
  await stat('/');
  const own = getPriority();
  expect(setPoolPriority(15)).toBeGreaterThan(0);
  expect(getPriority()).toBe(own);
});
