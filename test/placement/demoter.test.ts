import { closeSync, existsSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { JobView } from '../../src/api/api.ts';
import { ChunkHash } from '../../src/codec/chunk-hash.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { parseManifest } from '../../src/tiers/manifest.ts';
import { demoterOf, tiersOf, withCopies } from '../helpers/demoter.ts';
import { fingerprintOf } from '../helpers/files.ts';
import type { Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'];
const tenWeights = Object.fromEntries(names.map((name) => [name, 'weights' as const]));
/** Beside ten copies of a MiB there is no room for two more until one is compressed. */
const limit = 11.8 * MiB;

async function demoted(rig: Rig) {
  const demoter = demoterOf(rig);
  await demoter.consider();
  return demoter;
}

const compressings = (rig: Rig) =>
  rig.seen.flatMap(({ name, event }) =>
    name === 'job-started' && (event as JobView).tier === 'cold' ? [event as JobView] : [],
  );

/** Compressing stands still once it has begun, until it is let go. */
function hold(rates: { by: { ssd?: number | null } }, rig: Rig) {
  rates.by.ssd = 1;
  return {
    begun: new Promise<void>((resolve) => {
      rig.events.subscribe((name, event) => {
        if (name === 'job-progress' && (event as JobView).tier === 'cold') resolve();
      });
    }),
    letGo() {
      rates.by.ssd = null;
      rig.copier.reconsider();
    },
  };
}

test('it ends with the daemon, and does not look into a catalog that was closed while it looked at open files', async () => {
  const { rig } = await withCopies(tenWeights, MiB, { limit });
  const failed = vi.spyOn(rig.log, 'error');
  const demoter = demoterOf(rig);
  const looks = vi.spyOn(rig.tier, 'openFiles').mockImplementation(async () => {
    await demoter[Symbol.asyncDispose]();
    rig.catalog[Symbol.dispose]();
    return new Set();
  });
  await demoter.consider();
  expect(looks).toHaveBeenCalledOnce();
  expect(failed).not.toHaveBeenCalled();
});

describe('when the limit is nearly reached', () => {
  test('the least valuable copy is compressed, proven by decoding, and only then leaves the SSD', async () => {
    const { rig, paths } = await withCopies(tenWeights, MiB, { limit });
    const [first = '', second = ''] = paths;
    const before = rig.catalog.copies.readyOf(rig.catalog.entries.byPath(first)?.id ?? 0)[0];
    await demoted(rig);
    expect(tiersOf(rig, first)).toEqual(['cold']);
    expect(tiersOf(rig, second)).toEqual(['ssd']);
    expect(existsSync(before?.path ?? '')).toBe(false);
    const { path, manifestPath } = rig.tiers.require('cold').placeOf(rig.root, 'loras/a') ?? { path: '', manifestPath: '' };
    expect(path).toMatch(/loras\/a\.zst$/);
    const proof = parseManifest(readFileSync(manifestPath, 'utf8'));
    expect(proof).toMatchObject({ hash: before?.hash, source: { path: first, fingerprint: fingerprintOf(first) } });
    const hash = await ChunkHash.create();
    const fd = openSync(path, 'r');
    await decodeFile(fd, null, { onBytes: (bytes) => hash.update(bytes) });
    closeSync(fd);
    expect(hash.digest()).toBe(before?.hash);
    expect(proof?.chunks).toBe(hash.chunks.join(''));
  });

  test('it stops below the mark, counts what is there, and calls none of it an eviction', async () => {
    const { rig } = await withCopies(tenWeights, MiB, { limit });
    await demoted(rig);
    expect(compressings(rig)).toHaveLength(1);
    const totals = rig.catalog.placements.totals('cold');
    expect(totals).toMatchObject({ files: 1, reserved: 0 });
    expect(totals.represented / totals.bytes).toBeGreaterThan(1.4);
    expect(rig.catalog.placements.usedUnderLimit('ssd')).toBeLessThan(limit - 2 * MiB);
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ evictions: 0 });
    expect(readdirSync(rig.tiers.require('cold').partialDir ?? '')).toEqual([]);
  });

  test('what would save too little is left alone, and not tried twice', { tags: 'slow' }, async () => {
    const { rig, paths } = await withCopies({ noise: 'noise', ...tenWeights }, MiB, { limit: 12.8 * MiB });
    await demoted(rig);
    expect(compressings(rig).map(({ path }) => path)).toEqual(paths.slice(0, 2));
    expect(tiersOf(rig, paths[0] ?? '')).toEqual(['ssd']);
    expect(tiersOf(rig, paths[1] ?? '')).toEqual(['cold']);
    rig.bound.limit = 12.5 * MiB;
    await demoted(rig);
    expect(compressings(rig).filter(({ path }) => path === paths[0])).toHaveLength(1);
    expect(rig.copier.jobs().filter(({ state }) => state === 'failed')).toEqual([]);
  });

  test('what is pinned, leased or open is left alone', async () => {
    const { rig, paths } = await withCopies(tenWeights, MiB, { limit });
    const copies = paths.map((path) => rig.tier.placeOf(rig.root, rig.place(path).rel).path);
    rig.catalog.entries.setPinned(rig.catalog.entries.byPath(paths[0] ?? '')?.id ?? 0, true);
    rig.leases.grant(copies[1] ?? '', { app: 'comfyui', pid: 1 });
    await demoted(rig);
    expect(paths.map((path) => tiersOf(rig, path)[0]).indexOf('cold')).toBe(2);
  });

  test.each([
    ['its source is the faster way', { medium: 'ssd' }],
    ['copies are not to be made', { mode: 'read-only' }],
  ])('nothing is compressed when %s', async (_why, changes) => {
    const { rig } = await withCopies(tenWeights, MiB, { limit });
    Object.assign(rig.sources, changes);
    await demoted(rig);
    expect(compressings(rig)).toEqual([]);
  });

  test('while files come and go it never takes more than half of the limit, and more files are kept than fit', {
    tags: 'slow',
  }, async () => {
    const { rig } = await withCopies(tenWeights, MiB, { limit });
    for (let index = 0; index < 12; index += 1) {
      await demoted(rig);
      const { path } = rig.weights(`loras/more${index}`, MiB);
      expect((await rig.copy(path)).error).toBeNull();
      rig.catalog.usage.used(rig.file(path));
      expect(rig.catalog.placements.totals('cold').bytes).toBeLessThanOrEqual(limit / 2);
      expect(rig.catalog.placements.usedUnderLimit('ssd')).toBeLessThanOrEqual(limit);
    }
    expect(rig.catalog.copies.inState('ready').length).toBeGreaterThan(limit / MiB);
  });

  test('what came too fast to be compressed leaves no cache that never compresses again: one more leaves, once', {
    tags: 'slow',
  }, async () => {
    const full = 11.5 * MiB;
    const { rig } = await withCopies({ ...tenWeights, k: 'weights' }, MiB, { limit: full });
    const demoter = demoterOf(rig);
    demoter.start();
    await demoter.consider();
    // Without cause nothing leaves, and nothing is tried that cannot succeed.
    expect(rig.seen.filter(({ name }) => name === 'entry-evicted')).toEqual([]);
    expect(compressings(rig)).toEqual([]);
    const evicted = () => rig.catalog.usage.daily().at(-1)?.evictions;
    for (const [count, name] of ['x', 'y', 'z'].entries()) {
      const { path } = rig.weights(`loras/${name}`, MiB);
      expect((await rig.copy(path)).error).toBeNull();
      rig.catalog.usage.used(rig.file(path));
      await demoter.consider();
      // The first one pushes out one copy and has one more leave; there is room for the others.
      expect({ count, evicted: evicted() }).toEqual({ count, evicted: 2 });
    }
    expect(rig.catalog.placements.totals('cold').files).toBeGreaterThan(2);
    expect(rig.catalog.placements.usedUnderLimit('ssd')).toBeLessThanOrEqual(full);
    expect(rig.copier.jobs().filter(({ state }) => state !== 'done')).toEqual([]);
  });

  test('where few such files fill the limit, none is compressed', { tags: 'slow' }, async () => {
    const { rig } = await withCopies({ a: 'weights', b: 'weights', c: 'weights' }, MiB, { limit: 4 * MiB });
    await demoted(rig);
    expect(compressings(rig)).toEqual([]);
  });
});

describe('while a copy is compressed', () => {
  /** Ten copies, of which one is being compressed and stands still. */
  async function begun() {
    const rates = { overall: null, by: { ssd: null as number | null } };
    const { rig, paths } = await withCopies(tenWeights, MiB, { limit, rates, workers: 'threads' });
    const held = hold(rates, rig);
    const demoter = demoterOf(rig);
    const over = demoter.consider();
    await held.begun;
    return { rig, path: paths[0] ?? '', held, demoter, over };
  }

  test('a lease that comes keeps the file on the SSD, and the compressed copy goes', async () => {
    const { rig, path, held } = await begun();
    const { path: copy } = rig.tier.placeOf(rig.root, 'loras/a');
    rig.leases.grant(copy, { app: 'comfyui', pid: 1 });
    held.letGo();
    await rig.copier.activeJob(path, 'cold')?.ended;
    expect(tiersOf(rig, path)).toEqual(['ssd']);
    expect(existsSync(copy)).toBe(true);
    expect(existsSync(rig.tiers.require('cold').placeOf(rig.root, 'loras/a').path ?? '')).toBe(false);
  });

  test('a copy that needs its room now gets it: compressing is given up', async () => {
    const rates = { overall: null, by: { ssd: null as number | null } };
    const { rig, paths } = await withCopies(tenWeights, MiB, { limit, rates, workers: 'threads' });
    for (const path of paths.slice(1)) {
      rig.leases.grant(rig.tier.placeOf(rig.root, rig.place(path).rel).path, { app: 'comfyui', pid: 1 });
    }
    const held = hold(rates, rig);
    void demoterOf(rig).consider();
    await held.begun;
    const job = await rig.copy(rig.source('loras/new', 2.5 * MiB).path);
    held.letGo();
    expect(job.error).toBeNull();
    expect(tiersOf(rig, paths[0] ?? '')).toEqual([]);
    expect(rig.catalog.copies.inState('copying')).toEqual([]);
    expect(rig.catalog.placements.usedUnderLimit('ssd')).toBeLessThanOrEqual(limit);
  });

  test('the end of the daemon leaves the file on the SSD', async () => {
    const { rig, path, demoter, over } = await begun();
    await demoter[Symbol.asyncDispose]();
    await rig.copier[Symbol.asyncDispose]();
    await over;
    expect(tiersOf(rig, path)).toEqual(['ssd']);
  });
});

test('what makes room is chosen over both tiers: the compressed copy of the least valuable file leaves before others', async () => {
  const { rig, paths } = await withCopies(tenWeights, MiB, { limit });
  await demoted(rig);
  expect((await rig.copy(rig.source('loras/new', 2.5 * MiB).path)).error).toBeNull();
  expect(tiersOf(rig, paths[0] ?? '')).toEqual([]);
  expect(paths.slice(1).map((path) => tiersOf(rig, path))).toEqual(paths.slice(1).map(() => ['ssd']));
});
