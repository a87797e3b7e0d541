import { existsSync } from 'node:fs';
import { describe, expect, test, vi } from 'vitest';
import type { ClearRequest } from '../../src/api/api.ts';
import { matcher } from '../../src/core/file-globs.ts';
import { chooseCopies, removeCopies } from '../../src/space/purge.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { createRig } from '../helpers/rig.ts';

const day = 24 * 3600_000;

/** Copies of `a` (used ten days ago), `b` (used just now) and `c` (never used). */
async function arrange() {
  const clock = new ManualClock();
  const rig = createRig({ clock, workers: 'inline' });
  const paths = [
    ['loras/a.safetensors', 1000],
    ['vae/b.safetensors', 2000],
    ['loras/deep/c.gguf', 3000],
  ].map(([rel, size]) => rig.source(String(rel), Number(size)).path);
  for (const path of paths) await rig.copy(path);
  const [a = '', b = '', c = ''] = paths;
  rig.catalog.usage.used(rig.file(a));
  clock.advance(10 * day);
  rig.catalog.usage.used(rig.file(b));
  const deps = { ...rig, matcher };
  const chosen = (filter: ClearRequest) => chooseCopies(deps, filter);
  const remove = async (filter: ClearRequest, dryRun = false) =>
    removeCopies(deps, await chosen(filter), { dryRun, why: 'purge' });
  const copyOf = (path: string) => rig.tier.placeOf(rig.root, rig.place(path).rel).path;
  return { rig, a, b, c, chosen, remove, copyOf };
}

describe('which copies are purged', () => {
  test.each<[string, ClearRequest, string]>([
    ['all of them', { all: true }, 'abc'],
    ['of a category', { category: 'loras' }, 'ac'],
    ['of a category that nobody has', { category: 'lora' }, ''],
    ['of another root', { root: '/elsewhere' }, ''],
    ['not used for a week; never is longer than that', { olderThanMs: 7 * day }, 'ac'],
    ['not used for a month', { olderThanMs: 30 * day }, 'c'],
    ['larger than', { largerThan: 1999 }, 'bc'],
    ['larger than, to the byte', { largerThan: 2000 }, 'c'],
    ['by glob over the base name', { glob: '*.gguf' }, 'c'],
    ['by glob over the path below the root', { glob: 'loras/*' }, 'a'],
    ['by glob over everything below', { glob: 'loras/**' }, 'ac'],
    ['of a tier', { tier: 'ssd' }, 'abc'],
    ['of another tier', { tier: 'ram' }, ''],
    ['by several filters: all must fit', { category: 'loras', largerThan: 1500 }, 'c'],
    ['by a filter, and "all" does not widen it', { all: true, category: 'vae' }, 'b'],
  ])('%s', async (_what, filter, expected) => {
    const { chosen, a, b, c } = await arrange();
    const letters = new Map([
      [a, 'a'],
      [b, 'b'],
      [c, 'c'],
    ]);
    expect(
      (await chosen(filter))
        .map(({ entry }) => letters.get(entry.path))
        .sort()
        .join(''),
    ).toBe(expected);
  });

  test('stale copies too, but not what is being made or is on its way out', async () => {
    const { rig, chosen, a, b, copyOf } = await arrange();
    rig.catalog.copies.retire(rig.catalog.copies.byPath(copyOf(a))?.id ?? 0);
    rig.catalog.copies.setState(rig.catalog.copies.byPath(copyOf(b))?.id ?? 0, 'evicting');
    expect((await chosen({ all: true })).map(({ copy }) => copy.state)).toEqual(['stale', 'ready']);
  });
});

describe('purging', () => {
  test('frees what it says it frees, and no source', async () => {
    const { rig, remove, a, b, c, copyOf } = await arrange();
    const answer = await remove({ category: 'loras' });
    expect(answer).toEqual({
      dryRun: false,
      files: 2,
      of: 3,
      bytes: 4000,
      removed: [
        { id: 1, path: a, bytes: 1000 },
        { id: 3, path: c, bytes: 3000 },
      ],
      skipped: [],
    });
    expect([a, b, c].map(copyOf).map((path) => existsSync(path))).toEqual([false, true, false]);
    expect([a, b, c].every((path) => existsSync(path))).toBe(true);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(2000);
  });

  test('as a trial says the same and removes nothing', async () => {
    const { rig, remove } = await arrange();
    const trial = await remove({ all: true }, true);
    expect(trial).toMatchObject({ dryRun: true, files: 3, bytes: 6000 });
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(6000);
    expect(await remove({ all: true })).toEqual({ ...trial, dryRun: false });
  });

  test.each([true, false])('leaves what is in use or pinned, and says why (trial: %s)', async (dryRun) => {
    const { rig, remove, a, b, copyOf } = await arrange();
    rig.catalog.entries.setPinned(rig.catalog.entries.byPath(a)?.id ?? 0, true);
    rig.leases.grant(copyOf(b), { app: 'comfyui', pid: 1 });
    const answer = await remove({ all: true }, dryRun);
    expect(answer).toMatchObject({
      files: 1,
      bytes: 3000,
      skipped: [
        { path: a, why: 'pinned' },
        { path: b, why: 'leased' },
      ],
    });
    expect(existsSync(copyOf(a))).toBe(true);
  });
});

test('a copy that was finished after it was chosen as interrupted stays on the books', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 1000);
  const job = rig.request(path);
  const copying = new Promise<void>((resolve) => rig.events.subscribe((name) => name === 'job-progress' && resolve()));
  await copying;
  const chosen = await chooseCopies({ ...rig, matcher }, { all: true });
  expect(chosen.map(({ copy }) => copy.state)).toEqual(['copying']);
  await job.ended;
  const answer = await removeCopies({ ...rig, matcher }, chosen, { dryRun: false, why: 'purge' });
  expect(answer.skipped).toMatchObject([{ why: 'copied meanwhile' }]);
  expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
});

test('a trial over a thousand names of one file looks each file up once, and frees its bytes once', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 1000);
  await rig.copy(path);
  const [first] = rig.catalog.copies.inState('ready');
  if (!first) throw new Error('there is no copy');
  rig.catalog.transaction(() => {
    for (let index = 1; index < 1000; index += 1) {
      const file = { ...rig.file(path), path: `${path}-${index}`, rel: `loras/a.safetensors-${index}` };
      const { id } = rig.catalog.entries.put(file);
      rig.catalog.copies.link(first, { entryId: id, path: `${first.path}-${index}`, source: first.source });
    }
  });
  const names = vi.spyOn(rig.catalog.duplicates, 'names');
  const deps = { ...rig, matcher };
  const remove = async (filter: ClearRequest) =>
    removeCopies(deps, await chooseCopies(deps, filter), { dryRun: true, why: 'purge' });
  expect(await remove({ all: true })).toMatchObject({ files: 1000, bytes: 1000 });
  expect(names).toHaveBeenCalledTimes(1);
  expect(await remove({ glob: '*-*' })).toMatchObject({ files: 999, bytes: 0 });
});
