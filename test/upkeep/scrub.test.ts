import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, copyFileSync, existsSync, readFileSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { Copy } from '../../src/core/types.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { Scrub } from '../../src/upkeep/scrub.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const day = 24 * 3600 * 1000;

function createScrub(rig: Rig, { periodMs = null }: { periodMs?: number | null } = {}): Scrub {
  const scrub = new Scrub({
    ...rig,
    periodMs: () => periodMs,
    onMeasured: () => {},
    onIdentified: () => {},
    recopy: async ({ path }) => {
      if (!existsSync(path)) return false;
      rig.request(path);
      return true;
    },
  });
  onTestFinished(() => scrub[Symbol.asyncDispose]());
  return scrub;
}

async function copies(rig: Rig, ...names: string[]): Promise<Copy[]> {
  for (const name of names) expect((await rig.copy(rig.source(`loras/${name}`, 100_000).path)).state).toBe('done');
  return rig.catalog.copies.inState('ready');
}

/** One byte turns; size, mtime and inode stay. */
function rot({ path, seal }: Copy): void {
  chmodSync(path, 0o600);
  const bytes = readFileSync(path);
  bytes[50_000] = (bytes[50_000] ?? 0) ^ 1;
  writeFileSync(path, bytes);
  const seconds = Number(BigInt(seal?.mtimeNs ?? 0) / 1000n) / 1e6;
  utimesSync(path, seconds, seconds);
}

const damaged = (rig: Rig) => rig.seen.filter(({ name }) => name === 'copy-damaged').map(({ event }) => event);

describe('a copy whose bits turned', () => {
  test('is not handed out again, is reported, and is replaced by a true one', async () => {
    const rig = createRig({ workers: 'inline' });
    const [a] = await copies(rig, 'a.safetensors', 'b.safetensors');
    if (!a) throw new Error('no copy');
    rot(a);
    const states: (string | undefined)[] = [];
    rig.events.subscribe((name) => {
      if (name === 'copy-damaged') states.push(rig.catalog.copies.byPath(a.path)?.state);
    });
    const answer = await createScrub(rig).verify(rig.catalog.copies.inState('ready'));
    expect(answer).toMatchObject({ files: 2, damaged: [{ copy: a.path, chunks: [0], recopied: true }], skipped: [] });
    expect(states).toEqual(['stale']);
    expect(damaged(rig)).toEqual([
      {
        entry: a.entryId,
        path: join(rig.root, 'loras/a.safetensors'),
        copy: a.path,
        tier: 'ssd',
        why: expect.any(String),
        chunks: [0],
      },
    ]);
    await rig.copier.activeJob(join(rig.root, 'loras/a.safetensors'))?.ended;
    expect(rig.catalog.copies.inState('ready')).toHaveLength(2);
    expect(await createScrub(rig).verify(rig.catalog.copies.inState('ready'))).toMatchObject({ files: 2, damaged: [] });
    expect(readFileSync(a.path).equals(readFileSync(join(rig.root, 'loras/a.safetensors')))).toBe(true);
  });

  test('stays on the disk, but is not used, when its source is away; a rebuilt catalog does not take it up either', async () => {
    const rig = createRig({ workers: 'inline' });
    const [a] = await copies(rig, 'a.safetensors');
    if (!a) throw new Error('no copy');
    rot(a);
    rmSync(rig.root, { recursive: true });
    const answer = await createScrub(rig).verify([a]);
    expect(answer.damaged).toMatchObject([{ recopied: false }]);
    expect(existsSync(a.path)).toBe(true);
    expect(rig.catalog.copies.inState('ready')).toEqual([]);
    rig.catalog.replaceIfDamaged(new Sqlite.SqliteError('malformed', 'SQLITE_CORRUPT'));
    expect(await reconcile(rig)).toMatchObject({ adopted: 0 });
  });

  test('that left while it was read is not taken for damaged', async () => {
    const rig = createRig({ workers: 'inline' });
    const [a] = await copies(rig, 'a.safetensors');
    if (!a) throw new Error('no copy');
    rot(a);
    const checking = createScrub(rig).verify([a]);
    rig.catalog.copies.forget(a.id);
    expect(await checking).toMatchObject({ damaged: [], skipped: [{ why: 'it left while it was read' }] });
    expect(damaged(rig)).toEqual([]);
  });

  test('files in the cache directory that are not ours are neither read nor touched', async () => {
    const rig = createRig({ workers: 'inline' });
    const [a] = await copies(rig, 'a.safetensors');
    if (!a) throw new Error('no copy');
    const foreign = `${a.path}.sha256`;
    writeFileSync(foreign, 'not ours');
    renameSync(rig.tier.manifestPathOf(a.path), `${rig.tier.manifestPathOf(a.path)}.bak`);
    expect(await createScrub(rig).verify(rig.catalog.copies.inState('ready'))).toMatchObject({
      files: 1,
      damaged: [{ copy: a.path }],
    });
    expect(readFileSync(foreign, 'utf8')).toBe('not ours');
    expect(existsSync(`${rig.tier.manifestPathOf(a.path)}.bak`)).toBe(true);
  });
});

describe('within a period', () => {
  test('every copy is read once, also over restarts, and again in the next', async () => {
    const clock = new ManualClock();
    const rig = createRig({ clock, workers: 'inline' });
    await copies(rig, 'a.safetensors', 'b.safetensors');
    expect(await createScrub(rig).scrubDue(30 * day)).toMatchObject({ files: 2, damaged: [] });
    expect(await createScrub(rig).scrubDue(30 * day)).toMatchObject({ files: 0 });
    await copies(rig, 'c.safetensors');
    expect(await createScrub(rig).scrubDue(30 * day)).toMatchObject({ files: 1 });
    clock.advance(30 * day);
    expect(await createScrub(rig).scrubDue(30 * day)).toMatchObject({ files: 3 });
  });

  test('stopping the daemon does not wait for a file to be read to its end', async () => {
    const rig = createRig({ workers: 'inline' });
    await copies(rig, 'a.safetensors');
    const scrub = createScrub(rig);
    const checking = scrub.verify(rig.catalog.copies.inState('ready'), { rate: 1 });
    const ended = expect(checking).rejects.toThrow(/broken off/);
    await scrub[Symbol.asyncDispose]();
    await ended;
    expect(rig.catalog.copies.inState('ready')).toHaveLength(1);
  });
});

test('a copy without a SHA-256, because its source was fast, gets one when it is read again', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path, bytes } = rig.source('loras/a.safetensors', 100_000);
  await rig.request(path, 'background', 'ssd').ended;
  const [copy] = rig.catalog.copies.inState('ready');
  if (!copy) throw new Error('no copy');
  const proof = () => rig.tier.manifestOf(copy.path);
  expect((await proof())?.sha256).toBeNull();
  const identified: string[] = [];
  const scrub = new Scrub({
    ...rig,
    periodMs: () => null,
    onMeasured: () => {},
    onIdentified: ({ path: at }) => identified.push(at),
    recopy: async () => false,
  });
  onTestFinished(() => scrub[Symbol.asyncDispose]());
  const before = await proof();
  for (let round = 0; round < 2; round += 1) expect((await scrub.verify([copy])).damaged).toEqual([]);
  expect(await proof()).toEqual({ ...before, sha256: createHash('sha256').update(bytes).digest('hex') });
  expect(identified).toEqual([copy.path]);
  expect(rig.catalog.contents.sha256Of(copy.entryId)).toBe((await proof())?.sha256);
  expect(await reconcile(rig)).toMatchObject({ temps: 0, forgotten: 0 });
});

test('a file with two names is read once in a round', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 100_000);
  const other = join(path, '../b.safetensors');
  copyFileSync(path, other);
  execFileSync('touch', ['-r', path, other]);
  for (const each of [path, other]) await rig.copy(each);
  const [one, two] = rig.catalog.copies.inState('ready');
  expect(two?.placement).toBe(one?.placement);
  const scrub = createScrub(rig);
  expect(await scrub.scrubDue(60_000)).toMatchObject({ files: 1, bytes: 100_000, damaged: [] });
  expect(await scrub.scrubDue(60_000)).toMatchObject({ files: 0 });
});

test('a daemon that starts reads no copy again until its machine has started, too', async () => {
  const rig = createRig({ workers: 'inline' });
  const [a] = await copies(rig, 'a.safetensors');
  if (!a) throw new Error('no copy');
  rot(a);
  const heard = new Promise<string>((resolve) => {
    rig.events.subscribe((name) => name === 'copy-damaged' && resolve(name));
  });
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  createScrub(rig, { periodMs: 1 }).start();
  vi.advanceTimersByTime(4 * 60_000);
  expect(vi.getTimerCount()).toBe(1);
  vi.advanceTimersByTime(60_000);
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
  expect(await heard).toBe('copy-damaged');
});
