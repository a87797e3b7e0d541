import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { EventMap } from '../../src/api/event-map.ts';
import { CacheError } from '../../src/core/errors.ts';
import { nextTurn } from '../helpers/lookup-rig.ts';
import { createRamRig } from '../helpers/ram-rig.ts';

const MiB = 1024 * 1024;

async function arrange(limit = 1e9) {
  const rig = await createRamRig({ limit });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  const onSsd = async (rel: string, size = MiB) => {
    const { path, bytes } = rig.source(rel, size);
    await rig.copy(path);
    return { path, bytes, copy: rig.ram.placeOf(rig.root, rel).path };
  };
  /** A load that is answered; the catalog is written to before and after, as it is twice a second. */
  const use = async (path: string) => {
    rig.catalog.usage.flush();
    const answer = await rig.ask(path);
    rig.leases.end({ app: 'comfyui', pid: 1 }, true);
    return answer;
  };
  /** Lets the time after a use pass; waits for the job that begins, when one does. */
  const settle = async () => {
    const seen = rig.seen.length;
    await vi.advanceTimersByTimeAsync(1000);
    const begun = rig.seen.slice(seen).filter(({ name }) => name === 'job-queued') as { event: EventMap['job-queued'] }[];
    for (const { event } of begun) await rig.copier.activeJob(event.path, 'ram')?.ended;
    for (let turn = 0; turn < 5; turn += 1) await nextTurn();
    return begun.map(({ event }) => event);
  };
  return { rig, onSsd, use, settle };
}

test('a copy that is used again moves into memory behind the answer, and is served from there', async () => {
  const { rig, onSsd, use, settle } = await arrange();
  const { path, bytes, copy } = await onSsd('loras/a.safetensors');
  expect((await use(path)).reason).toBe('HIT');
  expect(await settle()).toEqual([]);
  expect((await use(path)).reason).toBe('HIT');
  expect(rig.copier.jobs().filter(({ tier }) => tier === 'ram')).toEqual([]);
  expect(await settle()).toMatchObject([{ path, tier: 'ram', priority: 'background' }]);
  expect(await use(path)).toMatchObject({ path: copy, tier: 'ram', reason: 'HIT_RAM' });
  expect(readFileSync(copy).equals(bytes)).toBe(true);
  expect(statSync(copy, { bigint: true }).mtimeNs).toBe(statSync(path, { bigint: true }).mtimeNs);
  expect(await settle()).toEqual([]);
});

test('of what was used, the most valuable goes first, one after the other', async () => {
  const { rig, onSsd, use, settle } = await arrange();
  const [a, b] = [await onSsd('loras/a.safetensors'), await onSsd('loras/b.safetensors')];
  for (const { path } of [b, a]) await use(path);
  expect(await settle()).toEqual([]);
  for (const { path } of [b, a]) await use(path);
  expect((await settle()).map(({ path }) => path)).toEqual([a.path]);
  expect((await settle()).map(({ path }) => path)).toEqual([b.path]);
  expect(rig.inMemoryNow()).toHaveLength(2);
});

test('what would have to leave for it must be worth less', async () => {
  const { rig, onSsd, use, settle } = await arrange(1.5 * MiB);
  rig.bound.limit = 1e9;
  const [a, b] = [await onSsd('loras/a.safetensors'), await onSsd('loras/b.safetensors')];
  rig.bound.limit = 1.5 * MiB;
  await use(a.path);
  await use(b.path);
  await settle();
  await use(a.path);
  await settle();
  expect(rig.inMemoryNow()).toEqual(['loras/a.safetensors']);
  await use(b.path);
  expect(await settle()).toEqual([]);
  await use(b.path);
  expect(await settle()).toMatchObject([{ path: b.path }]);
  expect(rig.inMemoryNow()).toEqual(['loras/b.safetensors']);
});

test('with a leased copy in the way nothing is begun', async () => {
  const { rig, onSsd, use, settle } = await arrange();
  const [a, b] = [await rig.inRam('loras/a.safetensors', MiB), await onSsd('loras/b.safetensors')];
  rig.bound.limit = 1.5 * MiB;
  await use(b.path);
  expect(await settle()).toEqual([]);
  await use(b.path);
  rig.leases.grant(a.copy, { app: 'other', pid: 2 });
  expect(await settle()).toEqual([]);
  expect(rig.inMemoryNow()).toEqual(['loras/a.safetensors']);
});

test.each(['read-only', 'off'] as const)('in mode %s nothing moves', async (mode) => {
  const { rig, onSsd, use, settle } = await arrange();
  const { path } = await onSsd('loras/a.safetensors');
  await use(path);
  rig.sources.mode = mode;
  await use(path);
  expect(await settle()).toEqual([]);
});

test('after a failure it is left alone for a while', async () => {
  const { rig, onSsd, use, settle } = await arrange();
  const { path } = await onSsd('loras/a.safetensors');
  const run = vi.spyOn(rig.workers, 'run').mockRejectedValueOnce(new CacheError('CACHE_IO', 'no'));
  await use(path);
  await use(path);
  expect(await settle()).toHaveLength(1);
  expect(run).toHaveBeenCalledTimes(1);
  await use(path);
  expect(await settle()).toEqual([]);
  expect(rig.inMemoryNow()).toEqual([]);
  expect((await use(path)).reason).toBe('HIT');
});

test('a copy of a source that was replaced since does not move', async () => {
  const { rig, onSsd, use, settle } = await arrange();
  const { path } = await onSsd('loras/a.safetensors');
  await use(path);
  await use(path);
  rig.catalog.usage.flush();
  rmSync(path);
  writeFileSync(path, 'other weights');
  rig.catalog.entries.put(rig.file(path));
  expect(await settle()).toEqual([]);
});
