import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { SourceState } from '../../src/core/types.ts';
import { leaseMs } from '../../src/usage/leases.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { createLookupRig, withCopy } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';

const MiB = 1024 * 1024;

describe('the first load', () => {
  test('gets the source at once, and a copy is made behind it', async () => {
    const rig = createLookupRig();
    const { path, bytes } = rig.source('checkpoints/a.safetensors', MiB);
    const first = await rig.ask(path);
    expect(first).toEqual({
      path,
      tier: 'hdd',
      reason: 'QUEUED',
      leaseMs: 0,
      entry: null,
      job: expect.objectContaining({ state: 'queued', priority: 'background', path, bytesTotal: MiB }),
    });
    await rig.copier.activeJob(path)?.ended;
    const second = await rig.ask(path);
    expect(second).toEqual({ path: rig.placeOf(path), tier: 'ssd', reason: 'HIT', leaseMs, entry: 1, job: null });
    expect(readFileSync(second.path).equals(bytes)).toBe(true);
  });

  test('while the copy runs is told how far it is', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', 64 * MiB);
    await rig.ask(path);
    const started = new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'job-progress' && resolve()));
    await started;
    const answer = await rig.ask(path);
    expect(answer).toMatchObject({ path, reason: 'COPYING', job: { state: 'running', bytesTotal: 64 * MiB } });
    expect(answer.job?.bytesDone).toBeGreaterThan(0);
    await rig.copier.activeJob(path)?.ended;
    expect(rig.copier.jobs()).toHaveLength(1);
  });

  test('of an unfinished download is left alone, also when only notes beside it tell', async () => {
    const rig = createLookupRig();
    const part = rig.source('loras/a.safetensors.part', MiB).path;
    const { path } = rig.source('loras/b.safetensors', MiB);
    writeFileSync(`${path}.aria2`, 'pieces');
    expect(await rig.ask(part)).toMatchObject({ path: part, reason: 'BYPASS_EXCLUDED', job: null });
    await rig.ask(path);
    await rig.copier.activeJob(path)?.ended;
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'BYPASS_EXCLUDED', job: null });
    expect(rig.catalog.copies.inState('ready')).toEqual([]);
  });

  test('of what nobody configured is left alone: own path, no copy', async () => {
    const rig = createLookupRig();
    expect(await rig.ask('/somewhere/else/a.safetensors')).toEqual({
      path: '/somewhere/else/a.safetensors',
      tier: null,
      reason: 'BYPASS_UNKNOWN_ROOT',
      leaseMs: 0,
      entry: null,
      job: null,
    });
    expect(rig.copier.jobs()).toEqual([]);
  });

  test('of a name that no root has says so, with the name as it was asked', async () => {
    const rig = createLookupRig();
    vi.mocked(rig.sources.candidates).mockReturnValue([]);
    expect(await rig.ask(undefined, { category: 'loras', name: 'x' })).toMatchObject({
      path: 'x',
      reason: 'BYPASS_UNKNOWN_ROOT',
    });
  });
});

describe('modes', () => {
  test('off serves the source, also after the copy was used (Arena A10)', async () => {
    const { rig, path, copy } = await withCopy();
    expect((await rig.ask(path)).path).toBe(copy);
    rig.sources.mode = 'off';
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'OFF', leaseMs: 0 });
    rig.sources.mode = 'read-write';
    expect((await rig.ask(path)).path).toBe(copy);
  });

  test('nobody could tell a cache disk that is away from a mode that is off', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('checkpoints/a.safetensors', MiB);
    rig.sources.mode = 'off';
    const [off] = (await rig.warmer.warm({ paths: [path], check: true })).items;
    rig.sources.mode = 'read-write';
    vi.spyOn(rig.tier, 'state').mockReturnValue('away');
    const [away] = (await rig.warmer.warm({ paths: [path], check: true })).items;
    expect([off?.reason, away?.reason]).toEqual(['OFF', 'OFF']);
    expect([off?.word, away?.word]).toEqual(['off', 'cache away']);
    expect([off?.why, away?.why]).toEqual([
      expect.stringContaining('autocached mode'),
      expect.stringContaining('disk is away'),
    ]);
  });

  test('read-only uses copies and makes none', async () => {
    const { rig, path, copy } = await withCopy();
    rig.sources.mode = 'read-only';
    const { path: other } = rig.source('loras/b.safetensors', MiB);
    expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT' });
    expect(await rig.ask(other, { waitMs: 1000 })).toMatchObject({ path: other, reason: 'READ_ONLY', job: null });
    expect(rig.planner.request).not.toHaveBeenCalled();
  });
});

describe('an outage is not a deletion', () => {
  test('a copy is served while its source is away', async () => {
    const { rig, path, copy } = await withCopy();
    rig.sources.away = 'the share does not answer';
    expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT_OFFLINE', tier: 'ssd', leaseMs });
    rig.catalog.usage.flush();
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ hits: 1, hitBytes: 2 * MiB });
  });

  test('by name too, when nobody knows the path', async () => {
    const { rig, copy } = await withCopy({}, 'text_encoders/t5.safetensors');
    rig.sources.away = 'unplugged';
    const answer = await rig.ask(undefined, { category: 'clip', name: 't5.safetensors' });
    expect(answer).toMatchObject({ path: copy, reason: 'HIT_OFFLINE' });
  });

  test('without a copy the asker gets the path it would have used', async () => {
    const rig = createLookupRig();
    const path = join(rig.root, 'loras', 'never.safetensors');
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'SOURCE_MISSING', job: null });
    rig.sources.away = 'unplugged';
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'SOURCE_AWAY', job: null });
  });

  test('a file that was deleted from a folder that is there is missing, and its copy does not bring it back', async () => {
    const { rig, path, copy } = await withCopy();
    rmSync(path);
    expect(await rig.ask(path)).toMatchObject({ path, reason: 'SOURCE_MISSING', leaseMs: 0 });
    const [category = '', name = ''] = path.slice(rig.root.length + 1).split('/');
    expect(await rig.ask(undefined, { category, name })).toMatchObject({ path, reason: 'SOURCE_MISSING' });
    // The folder may only have been moved for a while.
    expect(existsSync(copy)).toBe(true);
  });

  test('a source that answers late is not away: its copy is a hit, and what it says then is followed', async () => {
    const { rig, path, copy } = await withCopy();
    const late = Promise.withResolvers<SourceState>();
    vi.mocked(rig.sources.stat).mockImplementation(async (_, patience) =>
      patience === 'loader' ? { state: 'slow', why: 'no answer within 150 ms' } : late.promise,
    );
    expect(await rig.ask(path)).toMatchObject({ path: copy, reason: 'HIT', tier: 'ssd' });
    rig.source('checkpoints/a.safetensors', 3 * MiB);
    late.resolve({ state: 'present', fingerprint: fingerprintOf(path) });
    await vi.waitFor(() => expect(rig.catalog.copies.byPath(copy)?.bytes).toBe(3 * MiB), soon());
  });
});

describe('one file is one entry', () => {
  test('under its old and its new category name (Arena A9: the copy was made for nothing)', async () => {
    const rig = createLookupRig();
    const { path } = rig.source('clip/t5.safetensors', MiB);
    await rig.ask(undefined, { category: 'clip', name: 't5.safetensors' });
    await rig.copier.activeJob(path)?.ended;
    for (const category of ['clip', 'text_encoders']) {
      expect(await rig.ask(undefined, { category, name: 't5.safetensors' })).toMatchObject({
        path: rig.placeOf(path),
        reason: 'HIT',
      });
      expect(await rig.ask(path, { category })).toMatchObject({ reason: 'HIT', entry: 1 });
    }
    rig.catalog.usage.flush();
    expect(rig.catalog.entries.list({})).toHaveLength(1);
    expect(rig.catalog.entries.byPath(path)).toMatchObject({ category: 'text_encoders', uses: 5 });
  });

  test('under an alias of its path: one copy, one read', async () => {
    const { rig, path, copy } = await withCopy();
    rig.sources.aliases.set('/link/to/a.safetensors', path);
    expect(await rig.ask('/link/to/a.safetensors')).toMatchObject({ path: copy, reason: 'HIT', entry: 1 });
    rig.sources.mode = 'off';
    expect((await rig.ask('/link/to/a.safetensors')).path).toBe('/link/to/a.safetensors');
  });

  test('of two places that a name may mean, the one that is there is asked for, else the one with a copy', async () => {
    const { rig, copy } = await withCopy({}, 'text_encoders/t5.safetensors');
    const { path: other } = rig.source('clip/t5.safetensors', MiB);
    rmSync(join(rig.root, 'text_encoders', 't5.safetensors'));
    expect(await rig.ask(undefined, { category: 'clip', name: 't5.safetensors' })).toMatchObject({
      path: other,
      reason: 'QUEUED',
    });
    await rig.copier.activeJob(other)?.ended;
    rig.catalog.copies.forget(rig.catalog.copies.byPath(rig.placeOf(other))?.id ?? 0);
    rig.sources.away = 'unplugged';
    expect((await rig.ask(undefined, { category: 'clip', name: 't5.safetensors' })).path).toBe(copy);
  });

  test('a second name of the same bytes is a file of its own', async () => {
    const { rig, path } = await withCopy();
    linkSync(path, `${path}.twin`);
    expect(await rig.ask(`${path}.twin`)).toMatchObject({ path: `${path}.twin`, reason: 'QUEUED' });
    await rig.copier.activeJob(`${path}.twin`)?.ended;
  });
});

describe('what counts as use', () => {
  test('loads do; metadata and scans do not, hold no copy and make none', async () => {
    const { rig, path, copy } = await withCopy();
    const { path: other } = rig.source('loras/b.safetensors', MiB);
    expect(await rig.ask(path, { purpose: 'metadata' })).toMatchObject({ path: copy, reason: 'HIT', leaseMs: 0 });
    expect(await rig.ask(path, { purpose: 'scan' })).toMatchObject({ path, reason: 'BYPASS_SCAN' });
    for (const purpose of ['metadata', 'scan'] as const) {
      expect(await rig.ask(other, { purpose, waitMs: 1000 })).toMatchObject({ path: other, reason: 'BYPASS_SCAN', job: null });
    }
    rig.catalog.usage.flush();
    expect(rig.catalog.entries.byPath(path)).toMatchObject({ uses: 0, lastUse: 0 });
    expect(rig.catalog.entries.byPath(other)).toBeUndefined();
    expect(rig.catalog.usage.daily().at(-1)).toMatchObject({ hits: 0, misses: 0 });
    expect(rig.leases.isLeased(copy)).toBe(false);
    expect(rig.stats.lookups).toBe(4);
  });

  test('hits and misses count with their bytes; what is bypassed is neither', async () => {
    const { rig, path } = await withCopy({ filters: { exclude: ['*.ckpt'] } });
    const { path: excluded } = rig.source('checkpoints/x.ckpt', MiB);
    const { path: miss } = rig.source('loras/b.safetensors', MiB);
    await rig.ask(path);
    await rig.ask(excluded);
    await rig.ask('/elsewhere');
    await rig.ask(miss);
    await rig.copier.activeJob(miss)?.ended;
    rig.catalog.usage.flush();
    const [today] = rig.catalog.usage.daily().slice(-1);
    expect(today).toMatchObject({ hits: 1, hitBytes: 2 * MiB, misses: 1, missBytes: MiB });
    expect(today?.secondsSaved).toBeCloseTo((2 * MiB) / 150e6 - (2 * MiB) / 2e9, 6);
    expect(rig.catalog.entries.byPath(miss)?.uses).toBe(1);
  });
});
