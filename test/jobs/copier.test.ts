import { closeSync, existsSync, openSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { createRig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;

describe('one copy for all who ask', () => {
  test('a thousand requests for one cold file read the source once', async () => {
    const rig = createRig();
    const { path, bytes } = rig.source('checkpoints/a.safetensors', 3 * MiB);
    const run = vi.spyOn(rig.workers, 'run');
    const jobs = Array.from({ length: 1000 }, () => rig.request(path));
    await Promise.all(jobs.map((job) => job.ended));
    expect(run).toHaveBeenCalledTimes(1);
    expect(new Set(jobs).size).toBe(1);
    const { path: copy } = rig.tier.placeOf(rig.root, 'checkpoints/a.safetensors');
    expect(readFileSync(copy).equals(bytes)).toBe(true);
    expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
  });

  test('who waits goes before what runs in the background', async () => {
    const rig = createRig({ jobs: 1 });
    const paths = ['a', 'b', 'c'].map((name) => rig.source(`loras/${name}.safetensors`, 1000).path);
    const jobs = paths.map((path) => rig.request(path));
    rig.request(paths[2] ?? '', 'wait');
    await Promise.all(jobs.map((job) => job.ended));
    const started = rig.seen.filter(({ name }) => name === 'job-started').map(({ event }) => (event as { path: string }).path);
    expect(started.indexOf(paths[2] ?? '')).toBeLessThan(started.indexOf(paths[1] ?? ''));
  });
});

test.each([
  ['one disk', () => 'sda', ['job-started', 'job-done', 'job-started', 'job-done']],
  ['disks of their own', () => null, ['job-started', 'job-started', 'job-done', 'job-done']],
  ['disks that links in them lead to', (path: string) => path, ['job-started', 'job-started', 'job-done', 'job-done']],
])('folders on %s share what a source may have of copies at once, as far as it is the same', async (_, diskOf, order) => {
  const rig = createRig({ perSource: { hdd: 1 }, diskOf });
  const jobs = ['loras', 'vae'].map((folder) => {
    const { path } = rig.source(`${folder}/a.safetensors`, MiB + 1);
    const file = { ...rig.file(path), root: join(rig.root, folder), rel: 'a.safetensors' };
    return rig.copier.request({ file, priority: 'background', medium: 'hdd' });
  });
  await Promise.all(jobs.map((job) => job.ended));
  expect(rig.seen.map(({ name }) => name).filter((name) => name === 'job-started' || name === 'job-done')).toEqual(order);
});

test.each([true, false])('copies are read back before they are published: %s', async (reread) => {
  const rig = createRig({ reread });
  const run = vi.spyOn(rig.workers, 'run');
  const job = await rig.copy(rig.source('loras/a.safetensors', MiB).path);
  expect(job.state).toBe('done');
  expect(run.mock.calls.map(([order]) => 'reread' in order && order.reread)).toEqual([reread]);
});

describe('a limit is a limit', () => {
  test('LRU keeps the file that is used (Arena A6: hot file evicted first)', async () => {
    const rig = createRig({ limit: 3 * MiB });
    const [hot, cold, next] = ['hot', 'cold', 'next'].map((name) => rig.source(`loras/${name}.safetensors`, MiB + 1000).path);
    await rig.copy(hot ?? '');
    await rig.copy(cold ?? '');
    rig.catalog.usage.used(rig.file(cold ?? ''));
    for (let use = 0; use < 50; use += 1) rig.catalog.usage.used(rig.file(hot ?? ''));
    await rig.copy(next ?? '');
    const kept = rig.catalog.copies.inState('ready').map((copy) => rig.catalog.entries.byId(copy.entryId)?.path);
    expect(kept.sort()).toEqual([hot, next].sort());
  });

  test.each(['warm', 'prefetch'] as const)(
    'heat does not copy what would displace better, but %s does for somebody who asks, and a changed file is taken anew',
    async (priority) => {
      const rig = createRig({ limit: 2 * MiB, policy: 'heat', workers: 'inline' });
      const paths = ['one', 'two', 'next'].map((name) => rig.source(`loras/${name}.safetensors`, MiB - 1000).path);
      const [one = '', two = '', next = ''] = paths;
      for (const path of [one, two]) {
        await rig.copy(path);
        rig.catalog.usage.used(rig.file(path));
      }
      expect((await rig.copy(next)).error).toMatchObject({ code: 'NOT_ADMITTED' });
      const { bytes } = rig.source('loras/one.safetensors', MiB - 500);
      rig.catalog.copies.retire(rig.catalog.copies.ofEntry(rig.catalog.entries.byPath(one)?.id ?? 0)[0]?.id ?? 0);
      expect((await rig.copy(one)).state).toBe('done');
      expect(readFileSync(rig.tier.placeOf(rig.root, 'loras/one.safetensors').path).equals(bytes)).toBe(true);
      const asked = rig.request(next, priority);
      await asked.ended;
      expect(asked.state).toBe('done');
    },
  );

  test('is never overshot, not even while a copy runs', { tags: 'slow' }, async () => {
    const rig = createRig({ limit: 4 * MiB, jobs: 4 });
    const jobs = Array.from({ length: 12 }, (_, index) =>
      rig.request(rig.source(`loras/${index}.safetensors`, MiB + index).path),
    );
    let most = 0;
    rig.events.subscribe(() => {
      most = Math.max(most, rig.catalog.placements.usedBytes('ssd'));
    });
    await Promise.all(jobs.map((job) => job.ended));
    expect(most).toBeGreaterThan(MiB);
    expect(most).toBeLessThanOrEqual(4 * MiB);
    expect(jobs.some((job) => job.state === 'done')).toBe(true);
  });

  test('a file that is larger than the limit evicts nothing', async () => {
    const rig = createRig({ limit: 2 * MiB });
    await rig.copy(rig.source('loras/small.safetensors', MiB).path);
    const job = await rig.copy(rig.source('checkpoints/huge.safetensors', 3 * MiB).path);
    expect(job.error?.code).toBe('TOO_LARGE');
    expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
  });

  test('the floor of free space counts as well as the limit', async () => {
    const rig = createRig();
    // Other programs write to this disk, and free space on it, at the same time.
    rig.bound.floor = 2 * rig.tier.capacity().free;
    const job = await rig.copy(rig.source('loras/a.safetensors', 1000).path);
    expect(job.error?.code).toBe('NO_SPACE');
    expect(readdirSync(rig.tier.partialDir)).toEqual([]);
  });
});

test('the floor is kept when something else fills the disk while a copy runs, and the copy goes on later', {
  tags: 'slow',
}, async () => {
  const rig = createRig({ rates: { overall: 100e6, by: {} } });
  const { path } = rig.source('checkpoints/a.safetensors', 80 * MiB);
  const job = rig.request(path);
  await new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'job-progress' && resolve()));
  rig.bound.floor = Number.MAX_SAFE_INTEGER;
  await job.ended;
  expect(job.view()).toMatchObject({ state: 'failed', error: { code: 'NO_SPACE' } });
  rig.bound.floor = 0;
  const again = await rig.copy(path);
  expect(again.state).toBe('done');
  expect(again.resumedFrom).toBeGreaterThanOrEqual(32 * MiB);
});

describe('in use wins over the limit', () => {
  test.each([
    ['leased', (rig: ReturnType<typeof createRig>, copy: string) => rig.leases.grant(copy, { app: 'comfyui', pid: 1 })],
    [
      'pinned',
      (rig: ReturnType<typeof createRig>) => {
        for (const copy of rig.catalog.copies.inState('ready')) rig.catalog.entries.setPinned(copy.entryId, true);
      },
    ],
  ])('a %s copy stays and the newcomer is told NO_SPACE', async (_what, protect) => {
    const rig = createRig({ limit: 2 * MiB });
    await rig.copy(rig.source('loras/kept.safetensors', 1.5 * MiB).path);
    const [kept] = rig.catalog.copies.inState('ready');
    protect(rig, kept?.path ?? '');
    const job = await rig.copy(rig.source('loras/new.safetensors', MiB).path);
    expect(job.error?.code).toBe('NO_SPACE');
    expect(existsSync(kept?.path ?? '')).toBe(true);
    expect(rig.copier.failures.recent(job.file.path)?.code).toBe('NO_SPACE');
  });

  test.runIf(process.platform === 'linux')('a copy that a program has open stays', async () => {
    const { spawn } = await import('node:child_process');
    const rig = createRig({ limit: 2 * MiB });
    await rig.copy(rig.source('loras/open.safetensors', 1.5 * MiB).path);
    const [kept] = rig.catalog.copies.inState('ready');
    const fd = openSync(kept?.path ?? '', 'r');
    const reader = spawn('sleep', ['60'], { stdio: [fd, 'ignore', 'ignore'] });
    closeSync(fd);
    const job = await rig.copy(rig.source('loras/new.safetensors', MiB).path);
    expect(job.error?.code).toBe('NO_SPACE');
    const gone = new Promise((resolve) => reader.once('exit', resolve));
    reader.kill();
    await gone;
  });

  test('a copy that cannot be removed is skipped and the next one leaves', async () => {
    const rig = createRig({ limit: 3 * MiB });
    await rig.copy(rig.source('loras/stuck.safetensors', MiB).path);
    await rig.copy(rig.source('loras/free.safetensors', MiB).path);
    const stuck = rig.tier.placeOf(rig.root, 'loras/stuck.safetensors').path;
    const takeOut = rig.tier.takeOut;
    let refused = 0;
    rig.tier.takeOut = (path) => {
      if (path !== stuck) return takeOut(path);
      refused += 1;
      const { CacheError } = errors;
      throw new CacheError('IN_USE', 'EBUSY');
    };
    const job = await rig.copy(rig.source('loras/new.safetensors', 1.5 * MiB).path);
    expect(refused).toBeGreaterThan(0);
    expect(job.state).toBe('done');
    expect(existsSync(stuck)).toBe(true);
    expect(rig.catalog.copies.byPath(stuck)?.state).toBe('ready');
  });
});

describe('when things go wrong', () => {
  test('a full disk leaves no temp file and no reservation, and is tried again later (Arena A12)', async () => {
    const rig = createRig();
    const { path } = rig.source('loras/a.safetensors', 1000);
    const { CacheError } = errors;
    const run = vi.spyOn(rig.workers, 'run').mockRejectedValueOnce(new CacheError('NO_SPACE', 'the cache disk is full'));
    const failed = await rig.copy(path);
    expect(failed.view()).toMatchObject({ state: 'failed', error: { code: 'NO_SPACE' } });
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(0);
    expect(rig.copier.counts()).toEqual({ running: 0, queued: 0 });
    const again = await rig.copy(path);
    expect(run).toHaveBeenCalledTimes(2);
    expect(again.state).toBe('done');
  });

  test('a source that vanished fails its job and nothing else', async () => {
    const rig = createRig();
    const { path } = rig.source('loras/a.safetensors', 1000);
    const file = rig.file(path);
    rmSync(path);
    const job = rig.copier.request({ file, priority: 'background', medium: 'hdd' });
    await job.ended;
    expect(job.error?.code).toBe('SOURCE_MISSING');
    expect(rig.catalog.copies.inState('copying')).toEqual([]);
  });

  test('a cancelled job ends, queued or running', async () => {
    const rig = createRig({ jobs: 1 });
    const running = rig.request(rig.source('loras/a.safetensors', 64 * MiB).path);
    const queued = rig.request(rig.source('loras/b.safetensors', 1000).path);
    const started = new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'job-progress' && resolve()));
    rig.copier.cancel(queued.id);
    await queued.ended;
    await started;
    rig.copier.cancel(running.id);
    await running.ended;
    expect([running.state, queued.state]).toEqual(['cancelled', 'cancelled']);
    // What the running one has written is kept for the next time, and counted.
    expect(rig.catalog.placements.usedBytes('ssd')).toBeLessThan(64 * MiB);
    expect(() => rig.copier.cancel(running.id)).toThrow('no job');
  });

  test('a raised copy is the next one, and is listed so', async () => {
    const rig = createRig({ jobs: 1 });
    const models = ['a', 'b', 'c'].map((name) => rig.source(`loras/${name}.safetensors`, 1000).path);
    rig.copier.pause(true);
    const [a, b, c] = models.map((path) => rig.request(path));
    const order = () => rig.copier.jobs().map(({ id }) => id);
    expect(order()).toEqual([a?.id, b?.id, c?.id]);
    expect(rig.copier.raise(c?.id ?? 0)).toMatchObject({ priority: 'prefetch', state: 'queued' });
    rig.copier.raise(b?.id ?? 0);
    expect(order()).toEqual([b?.id, c?.id, a?.id]);
    rig.copier.pause(false);
    await Promise.all([a?.ended, b?.ended, c?.ended]);
    expect(rig.seen.filter(({ name }) => name === 'job-started').map(({ event }) => (event as { id: number }).id)).toEqual([
      b?.id,
      c?.id,
      a?.id,
    ]);
    expect(() => rig.copier.raise(a?.id ?? 0)).toThrow('is queued');
  });

  test('a network source is copied by a process of its own', async () => {
    const rig = createRig();
    const { path, bytes } = rig.source('loras/a.safetensors', MiB);
    const job = rig.request(path, 'background', 'nas');
    await job.ended;
    expect(job.state).toBe('done');
    const { path: copy } = rig.tier.placeOf(rig.root, join('loras', 'a.safetensors'));
    expect(readFileSync(copy).equals(bytes)).toBe(true);
    expect(statSync(copy).mode & 0o222).toBe(0);
  });
});

const errors = await import('../../src/core/errors.ts');
