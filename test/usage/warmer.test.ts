import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { WarmRequest } from '../../src/api/api.ts';
import { CacheError } from '../../src/core/errors.ts';
import { splitName, Warmer } from '../../src/usage/warmer.ts';
import { createLookupRig, type LookupRig, withCopy } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';

const MiB = 1024 * 1024;

const warmOn = (rig: LookupRig, request: WarmRequest, waitMaxMs = 30_000) =>
  new Warmer({ ...rig, options: { waitMaxMs } }).warm(request);

describe('warming', () => {
  test('has copies made of what is asked for by path or name, and tells at once what it started', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('loras/a.safetensors', MiB);
    const { path: named } = rig.source('vae/b.safetensors', MiB);
    const answer = await warmOn(rig, { paths: [path], names: ['vae/b.safetensors'] });
    expect(answer).toMatchObject({
      ready: 0,
      missing: 2,
      items: [
        { item: path, path, reason: 'QUEUED', ready: false, size: MiB, message: null, job: { priority: 'warm' } },
        { item: 'vae/b.safetensors', path: named, reason: 'QUEUED', ready: false },
      ],
    });
    await Promise.all([path, named].map((file) => rig.copier.activeJob(file)?.ended));
    expect(rig.catalog.copies.inState('ready')).toHaveLength(2);
  });

  test('is not use: what was only warmed is no favourite', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('loras/a.safetensors', MiB);
    await warmOn(rig, { paths: [path], wait: true });
    rig.catalog.usage.flush();
    expect(rig.catalog.entries.byPath(path)).toMatchObject({ uses: 0, lastUse: 0 });
    expect(rig.stats.lookups).toBe(0);
  });

  test('that waits says ready only of what is there byte for byte', async () => {
    const rig = createLookupRig({ limit: 2 * MiB });
    const { path } = rig.source('loras/a.safetensors', MiB);
    const { path: large } = rig.source('loras/large.safetensors', 3 * MiB);
    const missing = join(rig.root, 'loras', 'none.safetensors');
    const answer = await warmOn(rig, { paths: [path, large, missing, '/elsewhere/x'], wait: true });
    expect(answer).toMatchObject({ ready: 1, missing: 3 });
    expect(answer.items.map(({ reason, ready }) => [reason, ready])).toEqual([
      ['HIT', true],
      ['BYPASS_LARGE', false],
      ['SOURCE_MISSING', false],
      ['BYPASS_UNKNOWN_ROOT', false],
    ]);
    expect(rig.catalog.copies.byPath(rig.placeOf(path))?.bytes).toBe(MiB);
  });

  test('that waits tells why a copy failed', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('loras/a.safetensors', MiB);
    vi.spyOn(rig.workers, 'run').mockRejectedValueOnce(new CacheError('SOURCE_IO', 'reading the source failed: EIO'));
    const { items } = await warmOn(rig, { paths: [path], wait: true });
    expect(items).toMatchObject([{ ready: false, reason: 'ERROR', message: 'reading the source failed: EIO' }]);
  });

  test('that waits waits no longer than is allowed', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    onTestFinished(() => void vi.useRealTimers());
    const rig = createLookupRig();
    const { path } = rig.source('loras/a.safetensors', MiB);
    const ended = new Promise<void>(() => {});
    const job = { state: 'running' as const, ended, awaited: () => ended, view: () => ({ error: null }) as never };
    vi.mocked(rig.planner.request).mockReturnValue(job);
    const answer = warmOn(rig, { paths: [path], wait: true }, 5000);
    await vi.waitUntil(() => vi.getTimerCount() > 0, soon());
    await vi.advanceTimersByTimeAsync(5000);
    expect(await answer).toMatchObject({ missing: 1, items: [{ ready: false, message: 'it is not finished yet' }] });
  });

  test('one file that makes trouble does not keep the others from being warmed', async () => {
    const rig = createLookupRig();
    const paths = ['a', 'b'].map((name) => rig.source(`loras/${name}.safetensors`, MiB).path);
    const real = vi.mocked(rig.sources.stat).getMockImplementation();
    let asked = 0;
    vi.mocked(rig.sources.stat).mockImplementation(async (located, patience) => {
      asked += 1;
      // Before the copies, then after them.
      if (located.path === paths[0] && (asked <= 1 || asked >= 3)) throw new Error('EIO');
      return real ? real(located, patience) : { state: 'missing' };
    });
    const once = await warmOn(rig, { paths, wait: true });
    expect(once.items.map(({ ready, reason }) => [ready, reason])).toEqual([
      [false, 'ERROR'],
      [true, 'HIT'],
    ]);
    asked = 1;
    const later = await warmOn(rig, { paths, wait: true });
    expect(later.items).toMatchObject([{ item: paths[0], ready: false }, { ready: true }]);
  });

  test('in read-only mode copies nothing', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('loras/a.safetensors', MiB);
    rig.sources.mode = 'read-only';
    expect(await warmOn(rig, { paths: [path], wait: true })).toMatchObject({ items: [{ reason: 'READ_ONLY', job: null }] });
  });
});

describe('checking', () => {
  test('starts nothing and tells the truth', async () => {
    const { rig, path, copy } = await withCopy();
    const { path: other } = rig.source('loras/b.safetensors', MiB);
    const check = (paths: string[]) => warmOn(rig, { paths, check: true });
    expect(await check([path, other])).toMatchObject({
      ready: 1,
      items: [
        { ready: true, reason: 'HIT', size: 2 * MiB },
        { ready: false, reason: 'QUEUED', job: null },
      ],
    });
    rmSync(copy);
    expect(await check([path])).toMatchObject({ ready: 0, missing: 1 });
    expect(rig.planner.request).not.toHaveBeenCalled();
  });

  test('says why a source that is away is not ready, and that its copy is', async () => {
    const { rig, path } = await withCopy();
    const { path: other } = rig.source('loras/b.safetensors', MiB);
    rig.sources.away = 'the share does not answer';
    expect((await warmOn(rig, { paths: [path, other], check: true })).items).toMatchObject([
      { ready: true, reason: 'HIT_OFFLINE', message: null },
      { ready: false, reason: 'SOURCE_AWAY', message: 'the share does not answer' },
    ]);
  });
});

describe('names', () => {
  test.each([
    ['checkpoints/a.safetensors', 'checkpoints', 'a.safetensors'],
    ['loras/style/b.safetensors', 'loras', 'style/b.safetensors'],
    ['loras:style/b.safetensors', 'loras', 'style/b.safetensors'],
    ['loras\\style\\b.safetensors', 'loras', 'style\\b.safetensors'],
  ])('%s', (text, category, name) => {
    expect(splitName(text)).toEqual({ category, name });
  });

  test.each(['a.safetensors', '', '/a', 'a/'])('%j is none, and it says how one looks', async (text) => {
    const bad = expect.objectContaining({ code: 'BAD_REQUEST', hint: expect.stringContaining('category/name') });
    expect(() => splitName(text)).toThrow(bad);
    await expect(warmOn(createLookupRig(), { names: [text] })).rejects.toEqual(bad);
  });
});
