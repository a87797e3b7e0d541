import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { quiet } from '../helpers/hooks.ts';
import { patience, soon } from '../helpers/patience.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const dying = new URL('../helpers/dying-worker.ts', import.meta.url);
const hung = new URL('../helpers/hung-worker.ts', import.meta.url);

const nothingLeft = (rig: Rig) => {
  expect(readdirSync(rig.tier.partialDir)).toEqual([]);
  expect(rig.catalog.placements.usedBytes('ssd')).toBe(0);
};

describe('a worker that dies in the middle of a copy', () => {
  test.each(['hdd', 'nas'] as const)(
    'of a %s leaves no half file, no reservation, and can be followed by another',
    async (medium) => {
      const rig = createRig({ workers: dying });
      const { path } = rig.source('loras/a.safetensors', 1000);
      // The second one would find the half file of the first in its way: catalog ids are used again.
      for (const _try of [1, 2]) {
        const job = rig.request(path, 'background', medium);
        await job.ended;
        expect(job.view()).toMatchObject({
          state: 'failed',
          error: { code: 'CACHE_IO', message: expect.stringContaining('ended') },
        });
        nothingLeft(rig);
      }
    },
  );
});

describe('a network source that stops to answer', () => {
  test('is given up after a minute: its job fails, its half file goes, and the daemon can stop', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const rig = createRig({ workers: hung });
    const { path } = rig.source('loras/a.safetensors', 1000);
    const job = rig.request(path, 'background', 'nas');
    await vi.waitUntil(() => job.bytesDone > 0, { timeout: patience(10_000) });
    await vi.advanceTimersByTimeAsync(59_000);
    expect(job.state).toBe('running');
    await vi.advanceTimersByTimeAsync(2000);
    await job.ended;
    expect(job.error).toMatchObject({ code: 'SOURCE_AWAY' });
    nothingLeft(rig);
    expect(rig.copier.failures.recent(path)?.code).toBe('SOURCE_AWAY');
    await rig.close();
  });
});

describe('stopping', () => {
  test('while room is still being made starts no new worker, which would keep the daemon alive', async () => {
    const rig = createRig();
    const { path } = rig.source('loras/a.safetensors', 1000);
    const { promise: listed, resolve } = Promise.withResolvers<Set<string>>();
    rig.bound.limit = 1500;
    await rig.copy(rig.source('loras/old.safetensors', 1000).path);
    vi.spyOn(rig.tier, 'openFiles').mockReturnValue(listed);
    const job = rig.request(path);
    await vi.waitUntil(() => vi.mocked(rig.tier.openFiles).mock.calls.length > 0, soon());
    await rig.copier[Symbol.asyncDispose]();
    resolve(new Set());
    await job.ended;
    expect(job.state).not.toBe('done');
    expect(existsSync(rig.tier.placeOf(rig.root, 'loras/a.safetensors').path)).toBe(false);
    await expect(
      rig.workers.run({} as never, { networkRoot: null, light: false, ...quiet(), paced: false, urgent: false }),
    ).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });

  test('leaves what was not finished to the next start, which is told of it', async () => {
    const rig = createRig({ jobs: 1 });
    const [running, waiting] = ['a', 'b'].map((name) => rig.source(`loras/${name}.safetensors`, 64 * MiB).path);
    const started = new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'job-started' && resolve()));
    for (const path of [running, waiting]) rig.request(path ?? '');
    await started;
    await rig.close();
    const next = createRig({ dir: rig.dir });
    expect(next.catalog.usage.takeUnfinishedJobs()).toEqual([running, waiting]);
  });
});

describe('cancelling', () => {
  test('a copy that still waits for room keeps it from being made', async () => {
    const rig = createRig();
    const { path } = rig.source('loras/a.safetensors', 1000);
    rig.bound.limit = 1500;
    await rig.copy(rig.source('loras/old.safetensors', 1000).path);
    const { promise: listed, resolve } = Promise.withResolvers<Set<string>>();
    vi.spyOn(rig.tier, 'openFiles').mockReturnValue(listed);
    const run = vi.spyOn(rig.workers, 'run');
    const job = rig.request(path);
    await vi.waitUntil(() => vi.mocked(rig.tier.openFiles).mock.calls.length > 0, soon());
    rig.copier.cancel(job.id);
    resolve(new Set());
    await job.ended;
    expect(job.view()).toMatchObject({ state: 'cancelled', error: { code: 'CANCELLED' } });
    // Whether it could be a hard link was looked at before.
    expect(run.mock.calls.filter(([{ kind }]) => kind !== 'link')).toEqual([]);
    expect(rig.catalog.copies.inState('copying')).toEqual([]);
  });

  test('is no failure: the next asker has it copied at once', async () => {
    const rig = createRig({ jobs: 1 });
    const { path } = rig.source('loras/a.safetensors', 1000);
    const job = rig.request(path);
    rig.copier.cancel(job.id);
    await job.ended;
    expect(rig.copier.failures.recent(path)).toBeUndefined();
    expect((await rig.copy(path)).state).toBe('done');
  });
});

describe('a source that changes', () => {
  test('while its copy waits is copied as it is when it is asked for again', async () => {
    const rig = createRig({ jobs: 1 });
    const first = rig.request(rig.source('loras/first.safetensors', MiB).path);
    const { path } = rig.source('loras/a.safetensors', 1000);
    const job = rig.request(path);
    const { bytes } = rig.source('loras/a.safetensors', 2000);
    expect(rig.request(path)).toBe(job);
    await Promise.all([first.ended, job.ended]);
    expect(job.view()).toMatchObject({ state: 'done', bytesTotal: 2000 });
    expect(readFileSync(rig.tier.placeOf(rig.root, 'loras/a.safetensors').path).equals(bytes)).toBe(true);
  });

  test('is not blamed for it: no back-off, the next lookup has the new one copied', async () => {
    const rig = createRig();
    const { path } = rig.source('loras/a.safetensors', 1000);
    const file = rig.file(path);
    rig.source('loras/a.safetensors', 2000);
    const job = rig.copier.request({ file, priority: 'background', medium: 'hdd' });
    await job.ended;
    expect(job.error?.code).toBe('SOURCE_CHANGED');
    expect(rig.copier.failures.recent(path)).toBeUndefined();
  });
});

test('a source that fails again and again is asked less and less, and forgiven when it works', async () => {
  const { ManualClock } = await import('../helpers/manual-clock.ts');
  const clock = new ManualClock();
  const rig = createRig({ clock });
  const { path } = rig.source('loras/a.safetensors', 1000);
  const run = vi.spyOn(rig.workers, 'run').mockRejectedValue(new CacheError('SOURCE_IO', 'EIO'));
  const pauses: number[] = [];
  for (let failure = 0; failure < 10; failure += 1) {
    await rig.copy(path);
    let pause = 0;
    for (; rig.copier.failures.recent(path); pause += 1000) clock.advance(1000);
    pauses.push(pause / 1000);
  }
  expect(pauses).toEqual([2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
  run.mockRestore();
  await rig.copy(path);
  vi.spyOn(rig.workers, 'run').mockRejectedValue(new CacheError('SOURCE_IO', 'EIO'));
  await rig.copy(path);
  clock.advance(2000);
  expect(rig.copier.failures.recent(path)).toBeUndefined();
});
