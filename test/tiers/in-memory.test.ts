import { join } from 'node:path';
import { expect, test } from 'vitest';
import { inMemory } from '../../src/tiers/in-memory.ts';
import type { Memory } from '../../src/tiers/memory.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import { tempDir } from '../helpers/temp-dir.ts';

async function arrange(memory: Memory, volume: { size: number; free: number }) {
  const tier = { ...openPosixTier('ram', join(tempDir(), 'ram')), capacity: () => ({ ...volume }) };
  return inMemory(tier, async () => ({ ...memory }));
}

test('is as free as its volume and the memory both are', async () => {
  expect((await arrange({ total: 100, available: 50 }, { size: 60, free: 40 })).capacity()).toEqual({ size: 60, free: 40 });
  expect((await arrange({ total: 100, available: 30 }, { size: 60, free: 40 })).capacity()).toEqual({ size: 60, free: 30 });
  expect((await arrange({ total: 50, available: 30 }, { size: 60, free: 40 })).capacity()).toEqual({ size: 50, free: 30 });
});

test('a volume that tells no size is as large as the memory', async () => {
  expect((await arrange({ total: 100, available: 30 }, { size: 0, free: 0 })).capacity()).toEqual({ size: 100, free: 30 });
});

test('what is written after the memory was read is not free twice', async () => {
  const memory = { total: 100, available: 50 };
  const volume = { size: 80, free: 80 };
  const tier = await arrange(memory, volume);
  volume.free -= 30;
  expect(tier.capacity().free).toBe(20);
  memory.available -= 30;
  await tier.look();
  expect(tier.capacity().free).toBe(20);
  volume.free += 30;
  expect(tier.capacity().free).toBe(50);
});
