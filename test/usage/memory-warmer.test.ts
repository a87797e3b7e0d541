import { readFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import type { WarmRequest } from '../../src/api/api.ts';
import { MemoryWarmer } from '../../src/usage/memory-warmer.ts';
import { PageCache } from '../../src/usage/page-cache.ts';
import { createRamRig } from '../helpers/ram-rig.ts';

const size = 100_000;

async function arrange({ tier = true }: { tier?: boolean } = {}) {
  const rig = await createRamRig();
  const pageCache = new PageCache();
  const read = vi.spyOn(pageCache, 'warm');
  const planner = tier ? rig.planner : { hasRam: false, promote: () => [] };
  const warmer = new MemoryWarmer({ ...rig, planner, pageCache, options: { waitMaxMs: 30_000 } });
  return { rig, read, warm: (request: WarmRequest) => warmer.warm({ ram: true, ...request }) };
}

test('a file without any copy is copied to the SSD and from there into memory', async () => {
  const { rig, warm } = await arrange();
  const { path, bytes } = rig.source('loras/a.safetensors', size);
  const answer = await warm({ paths: [path], wait: true });
  expect(answer).toMatchObject({ ready: 1, missing: 0, items: [{ item: path, tier: 'ram', reason: 'HIT_RAM', ready: true }] });
  const copies = rig.catalog.copies.inState('ready');
  expect(copies.map(({ tier }) => tier)).toEqual(['ssd', 'ram']);
  for (const copy of copies) expect(readFileSync(copy.path).equals(bytes)).toBe(true);
});

test('without waiting it is told what has begun, and the rest follows by itself', async () => {
  const { rig, warm } = await arrange();
  const { path } = rig.source('loras/a.safetensors', size);
  const { path: there } = rig.source('loras/b.safetensors', size);
  await rig.copy(there);
  const both = new Promise<void>((resolve) =>
    rig.events.subscribe((name) => name === 'job-done' && rig.inMemoryNow().length === 2 && resolve()),
  );
  const { items, ready } = await warm({ paths: [path, there] });
  expect(ready).toBe(0);
  expect(items).toMatchObject([
    { reason: 'QUEUED', ready: false, job: { tier: 'ssd' } },
    { reason: 'HIT', ready: false, job: { tier: 'ram', priority: 'warm' } },
  ]);
  await both;
});

test('what does not fit into memory says so, and stays ready on the SSD', async () => {
  const { rig, warm } = await arrange();
  const { path } = rig.source('loras/a.safetensors', size);
  await rig.copy(path);
  rig.bound.limit = size - 1;
  const { items } = await warm({ paths: [path], wait: true });
  expect(items).toMatchObject([{ tier: 'ssd', ready: false, message: expect.stringContaining('limit of the ram tier') }]);
});

test('a check begins nothing', async () => {
  const { rig, warm } = await arrange();
  const { path } = rig.source('loras/a.safetensors', size);
  const { path: there } = await rig.inRam('loras/b.safetensors', size);
  await rig.copy(path);
  const { items } = await warm({ paths: [path, there], check: true });
  expect(items.map(({ ready, message }) => [ready, message])).toEqual([
    [false, 'it is not in the RAM tier'],
    [true, null],
  ]);
  expect(rig.inMemoryNow()).toEqual(['loras/b.safetensors']);
});

test('without a RAM tier the copy is read once, and the answer says so', async () => {
  const { rig, warm, read } = await arrange({ tier: false });
  const { path } = rig.source('loras/a.safetensors', size);
  const { items } = await warm({ paths: [path], wait: true });
  expect(items).toMatchObject([{ tier: 'ssd', ready: true, message: expect.stringContaining('no RAM tier') }]);
  expect(read.mock.calls).toEqual([[rig.placeOf(path)]]);
  await expect(read.mock.results[0]?.value).resolves.toBeUndefined();
});

test('a copy that cannot be read is not ready', async () => {
  const { rig, warm, read } = await arrange({ tier: false });
  const { path } = rig.source('loras/a.safetensors', size);
  await rig.copy(path);
  read.mockRejectedValueOnce(new Error('EIO'));
  expect((await warm({ paths: [path], wait: true })).items).toMatchObject([{ ready: false, message: 'EIO' }]);
});
