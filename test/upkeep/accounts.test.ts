import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Overrides } from '../../src/compose/daemon.ts';
import { Accounts, type AccountsDeps } from '../../src/upkeep/accounts.ts';
import { bytesHeld } from '../full/oracles.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { lapse } from '../helpers/leases.ts';
import { createLookupRig, type LookupRig, nextTurn } from '../helpers/lookup-rig.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

/** Holds the accounts at their beginning, or at a later pause, until they are let go or end. */
function gate(after = 0) {
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  const { promise: reached, resolve: reach } = Promise.withResolvers<void>();
  let left = after;
  const pauses = (signal: AbortSignal) => ({
    isDue: true,
    take: async () => {
      if (left-- > 0) return;
      reach();
      await Promise.race([opened, once(signal, 'abort').then(() => Promise.reject(signal.reason))]);
    },
  });
  return { open, reached, pauses };
}

/** Ends the daemon of a rig, and looks at what the next one makes of what it left. */
async function restart(
  rig: LookupRig,
  options: { lost: boolean; pauses: NonNullable<AccountsDeps['pauses']>; limit?: number },
) {
  await rig.close();
  if (options.lost) for (const suffix of ['', '-wal', '-shm']) rmSync(join(rig.dir, `catalog.db${suffix}`), { force: true });
  const next = createLookupRig({ dir: rig.dir, pauses: options.pauses, ...(options.limit && { limit: options.limit }) });
  const { accounts } = next;
  if (!(accounts instanceof Accounts)) throw new Error('the rig has no accounts');
  accounts.begin();
  return { ...next, accounts };
}

async function withCopies(rels: readonly string[], size = 1000) {
  const rig = createLookupRig();
  const sources = rels.map((rel) => rig.source(rel, size));
  for (const { path } of sources) await rig.copy(path);
  return { rig, sources };
}

describe('before everything is accounted for', () => {
  test.each([false, true])('a copy is served; with the catalog lost: %s', async (lost) => {
    const { rig, sources } = await withCopies(['loras/a.safetensors', 'vae/b.safetensors']);
    const { open, pauses } = gate();
    const next = await restart(rig, { lost, pauses });
    for (const { path, bytes } of sources) {
      const answer = await next.ask(path);
      expect(answer).toMatchObject({ reason: 'HIT', tier: 'ssd', path: next.placeOf(path) });
      expect(readFileSync(answer.path).equals(bytes)).toBe(true);
    }
    expect(next.accounts).toMatchObject({ complete: false, progress: { seen: 0 } });
    await nextTurn();
    // What was found by its proof is in the catalog by now.
    const [first] = sources;
    expect(next.catalog.find(first?.path ?? '')?.ready).toHaveLength(1);
    open();
    await next.accounts.ready;
    expect(next.accounts).toMatchObject({ complete: true, progress: null });
    expect(next.catalog.copies.inState('ready')).toHaveLength(2);
    expect(next.catalog.placements.usedBytes('ssd')).toBe(2000);
  });

  test('nothing is written for the answer itself', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const next = await restart(rig, { lost: true, pauses: gate().pauses });
    const [{ path } = { path: '' }] = sources;
    expect(await next.lookup.examine({ path, purpose: 'metadata', waitMs: 0, client: null })).toMatchObject({
      copy: { path: next.placeOf(path) },
      decision: { reason: 'HIT' },
    });
    expect(next.catalog.entries.list({})).toEqual([]);
  });

  test('a copy is served by its name while its source is away', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const next = await restart(rig, { lost: true, pauses: gate().pauses });
    next.sources.away = 'it is unplugged';
    const answer = await next.ask(undefined, { category: 'loras', name: 'a.safetensors' });
    expect(answer).toMatchObject({ reason: 'HIT_OFFLINE', path: next.placeOf(sources[0]?.path ?? '') });
  });

  test('a copy of a source that has changed since is not served', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const { path } = rig.source('loras/a.safetensors', 1234);
    const next = await restart(rig, { lost: true, pauses: gate().pauses });
    expect(sources[0]?.path).toBe(path);
    expect(await next.ask(path)).toMatchObject({ reason: 'STALE', path });
  });

  test('a copy that was out of service stays so while its source is away', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const [copy] = rig.catalog.copies.inState('ready');
    rig.catalog.copies.retire(copy?.id ?? 0);
    const next = await restart(rig, { lost: false, pauses: gate().pauses });
    next.sources.away = 'it is unplugged';
    expect((await next.ask(sources[0]?.path)).path).toBe(sources[0]?.path);
  });

  test('a file without a true proof is not served', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const { path: source } = sources[0] ?? { path: '' };
    const { path, manifestPath } = rig.tier.placeOf(rig.root, 'loras/a.safetensors');
    writeFileSync(`${path}.new`, readFileSync(path));
    renameSync(`${path}.new`, path);
    const next = await restart(rig, { lost: true, pauses: gate().pauses });
    expect(await next.ask(source)).toMatchObject({ reason: 'QUEUED', path: source });
    expect(existsSync(manifestPath)).toBe(true);
  });

  test('a copy that replaced another one right before the crash is served and kept', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const { path: source } = sources[0] ?? { path: '' };
    await rig.close();
    const old = readFileSync(join(rig.dir, 'catalog.db'));
    const second = createLookupRig({ dir: rig.dir });
    const { bytes } = second.source('loras/a.safetensors', 3000);
    await second.copy(source);
    await second.close();
    // The row of the second copy was not written.
    for (const suffix of ['', '-wal', '-shm']) rmSync(join(rig.dir, `catalog.db${suffix}`), { force: true });
    writeFileSync(join(rig.dir, 'catalog.db'), old);
    const { open, pauses } = gate();
    const next = await restart(rig, { lost: false, pauses });
    const answer = await next.ask(source);
    expect(answer).toMatchObject({ reason: 'HIT', path: next.placeOf(source) });
    expect(readFileSync(answer.path).equals(bytes)).toBe(true);
    await nextTurn();
    open();
    await next.accounts.ready;
    expect(readFileSync(next.placeOf(source)).equals(bytes)).toBe(true);
    expect(next.catalog.copies.inState('ready')).toMatchObject([{ bytes: 3000 }]);
  });
});

describe('until everything is accounted for', () => {
  test('copies wait, and then a limit is one over all that was there', async () => {
    const { rig } = await withCopies(['loras/a', 'loras/b', 'loras/c'], 1000);
    const { open, pauses } = gate();
    const next = await restart(rig, { lost: true, pauses, limit: 3000 });
    expect(next.catalog.placements.usedUnderLimit('ssd')).toBe(0);
    const held: number[] = [];
    const look = () => held.push(bytesHeld(next.tier.dir));
    next.events.subscribe(look);
    const job = next.request(next.source('loras/d', 1500).path, 'warm');
    await nextTurn();
    expect(job.state).toBe('queued');
    open();
    await job.ended;
    look();
    expect(job.state).toBe('done');
    expect(Math.max(...held)).toBeLessThanOrEqual(3000);
    expect(next.catalog.placements.usedUnderLimit('ssd')).toBe(bytesHeld(next.tier.dir));
  });

  test('what was asked for and then found is not copied again', async () => {
    const { rig, sources } = await withCopies(['loras/a.safetensors']);
    const { open, pauses } = gate();
    const next = await restart(rig, { lost: true, pauses });
    const path = sources[0]?.path ?? '';
    const before = readFileSync(next.tier.placeOf(next.root, 'loras/a.safetensors').manifestPath, 'utf8');
    const job = next.request(path);
    open();
    await job.ended;
    expect(job).toMatchObject({ state: 'done', written: 0 });
    expect(readFileSync(next.tier.placeOf(next.root, 'loras/a.safetensors').manifestPath, 'utf8')).toBe(before);
  });
});

test.each([false, true])(
  'cut short at any pause, the next start comes to the same end; with the catalog lost: %s',
  async (lost) => {
    const { rig } = await withCopies(['kept', 'lost', 'leaving', 'gone', 'sub/kept']);
    const place = (rel: string) => rig.tier.placeOf(rig.root, rel).path;
    const idOf = (rel: string) => rig.catalog.copies.byPath(place(rel))?.id ?? 0;
    rig.catalog.copies.forget(idOf('lost'));
    rig.catalog.copies.setState(idOf('leaving'), 'evicting');
    rmSync(place('gone'));
    if (lost) rmSync(place('leaving'));
    writeFileSync(join(rig.tier.partialDir, '0f8fad5b-d9cb-469f-a165-70867728950e.leaving'), 'x');
    let last = rig;
    let cuts = 0;
    for (let isWhole = false; !isWhole; cuts += 1) {
      const { reached, pauses } = gate(cuts);
      const next = await restart(last, { lost, pauses });
      await Promise.race([reached, next.accounts.ready]);
      isWhole = next.accounts.complete;
      last = next;
    }
    expect(cuts).toBeGreaterThan(2);
    const ready = last.catalog.copies.inState('ready');
    expect(ready.map(({ path }) => path).sort()).toEqual(['kept', 'lost', 'sub/kept'].map(place).sort());
    expect(last.catalog.copies.inState('copying', 'stale', 'evicting')).toEqual([]);
    expect(bytesHeld(rig.tier.dir)).toBe(3000);
    expect(readdirSync(rig.tier.partialDir)).toEqual([]);
  },
);

test('a daemon without its catalog answers, says that it is accounting, and copies nothing until it is done', async () => {
  const overrides: Partial<Overrides> = {};
  const daemon = await runDaemon({ 'loras/a': 1000, 'loras/b': 1000 }, { AUTOCACHE_LIMIT: '1500' }, tempDir(), overrides);
  const [a, b] = ['loras/a', 'loras/b'].map((name) => join(daemon.root, name)) as [string, string];
  expect(await daemon.client.warm({ paths: [a], wait: true })).toMatchObject({ ready: 1 });
  await daemon.end();
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(daemon.stateDir, `catalog.db${suffix}`), { force: true });
  const { open, pauses } = gate();
  overrides.pauses = pauses;
  await daemon.restart();

  const { client } = daemon;
  const health = async () => (await fetch(`${client.daemon.url}/healthz`)).json();
  expect(await health()).toMatchObject({ ok: true, accounting: true });
  const comfyui = { app: 'comfyui', pid: process.pid };
  const answer = await client.lookup({ path: a, purpose: 'load', waitMs: 0, client: comfyui });
  expect(answer).toMatchObject({ reason: 'HIT', tier: 'ssd' });
  expect(readFileSync(answer.path).equals(daemon.bytes['loras/a'] ?? Buffer.alloc(0))).toBe(true);
  await client.warm({ paths: [b] });
  expect(await client.stats()).toMatchObject({ accounting: { seen: 0 }, jobs: { queued: 1, running: 0 } });
  await lapse(client, a);
  const over = new AbortController();
  const events = await client.events(over.signal);
  open();
  const ended: string[] = [];
  for await (const { name } of events) if (/^job-(done|failed)$/.test(name) && ended.push(name)) break;
  over.abort();
  expect(ended).toEqual(['job-done']);
  expect(await health()).not.toHaveProperty('accounting');
  // It made room for b: the limit is over both.
  expect(await client.stats()).toMatchObject({ accounting: null, tiers: [{ files: 1, bytes: 1000, reserved: 0 }] });
  expect(await client.lookup({ path: b, purpose: 'load', waitMs: 0, client: null })).toMatchObject({ reason: 'HIT' });
});

test('a remnant without a proof counts until a copy takes its place, and a purge says how many copies are left', {
  tags: 'slow',
}, async () => {
  const [first, other] = ['loras/a.safetensors', 'loras/b.safetensors'];
  const rig = await runDaemon({ [first]: 20_000, [other]: 20_000 });
  const paths = [first, other].map((name) => join(rig.root, name));
  await rig.client.warm({ paths, wait: true });
  await rig.end();
  rmSync(join(rig.dir, 'ssd/seals'), { recursive: true });
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(rig.stateDir, `catalog.db${suffix}`), { force: true });
  await rig.restart();
  const ssd = async () => (await rig.client.stats()).tiers[0];
  await vi.waitFor(async () => expect(await ssd()).toMatchObject({ files: 0, outside: 40_000 }), soon());
  await rig.client.warm({ paths: paths.slice(0, 1), wait: true });
  expect(await ssd()).toMatchObject({ files: 1, outside: 20_000 });
  expect(await rig.client.clear({ all: true })).toMatchObject({ files: 2, of: 2 });
  expect(await ssd()).toMatchObject({ files: 0, outside: 0 });
});
