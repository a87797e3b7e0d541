import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { LookupAnswer } from '../../src/api/api.ts';
import type { LibraryAnswer } from '../../src/api/dashboard.ts';
import type { TierStats } from '../../src/api/stats.ts';
import { Catalog } from '../../src/catalog/catalog.ts';
import { createLog } from '../../src/runtime/log.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { type DaemonProcess, endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { fillDisk } from '../helpers/full-disk.ts';
import { createLoopDisk, noLoopDisk } from '../helpers/loop-disk.ts';
import { patience, soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const mib = 2 ** 20;
const size = 3 * mib;

/** Three models, and the settings of a daemon with its cache on a disk. */
function arrange(cache: string, settings: Record<string, string> = {}) {
  const dir = tempDir();
  const models = join(dir, 'models');
  const paths = ['a', 'b', 'c'].map((name) => join(models, `loras/${name}.safetensors`));
  const bytes = paths.map((path) => writeModel(path, size));
  const start = (more: Record<string, string> = {}) =>
    startDaemonProcess({ dir, settings: { AUTOCACHE_DIR: cache, AUTOCACHE_ROOTS: `${models}=hdd`, ...settings, ...more } });
  return { dir, paths, bytes, start };
}

const ask = ({ client }: DaemonProcess, path = ''): Promise<LookupAnswer> =>
  client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test' } });

async function ssd({ client }: DaemonProcess): Promise<TierStats> {
  const tier = (await client.stats()).tiers.find(({ tier: name }) => name === 'ssd');
  if (!tier) throw new Error('there is no SSD tier');
  return tier;
}

const stateIs = (daemon: DaemonProcess, state: TierStats['state']) =>
  vi.waitFor(async () => expect((await ssd(daemon)).state).toBe(state), { ...soon(), timeout: patience(20_000) });

/** Served from its copy, with its own bytes. */
async function expectHit(daemon: DaemonProcess, path = '', bytes?: Buffer): Promise<void> {
  const answer = await vi.waitFor(
    async () => {
      const found = await ask(daemon, path);
      expect(found.reason).toBe('HIT');
      return found;
    },
    { ...soon(), timeout: patience(20_000) },
  );
  expect(bytes && readFileSync(answer.path).equals(bytes)).toBe(true);
}

/** How many files the dashboard shows in each state. */
async function libraryStates({ client }: DaemonProcess): Promise<Record<string, number>> {
  const { states } = await client.ask<LibraryAnswer>('GET', '/api/library');
  return Object.fromEntries(states.filter(({ files }) => files > 0).map(({ name, files }) => [name, files]));
}

if (noLoopDisk) console.warn(`SKIPPED: the disk of the cache goes, fills and comes back (${noLoopDisk})`);

describe.skipIf(noLoopDisk !== null)('the disk of the cache', () => {
  test('is not mounted at the start: no new cache is made below the mount point, and the old one is there when it is', {
    tags: 'slow',
  }, async () => {
    const disk = createLoopDisk(64);
    const { paths, bytes, start } = arrange(join(disk.path, 'cache'));
    const first = await start();
    await first.client.warm({ paths: paths.slice(0, 2), wait: true });
    await endDaemonProcess(first.child);
    disk.unmount();

    const second = await start();
    expect(await ask(second, paths[0])).toMatchObject({ reason: 'OFF', path: paths[0] });
    expect(await ask(second, paths[2])).toMatchObject({ reason: 'OFF', path: paths[2] });
    expect((await second.client.warm({ paths, wait: true })).ready).toBe(0);
    expect(await ssd(second)).toMatchObject({ state: 'away', files: 2 });
    expect(readdirSync(disk.path)).toEqual([]);

    disk.mount();
    await stateIs(second, 'here');
    await expectHit(second, paths[0], bytes[0]);
    await expectHit(second, paths[1], bytes[1]);
    expect((await second.client.warm({ paths, wait: true })).ready).toBe(3);
  });

  test('goes while the daemon runs: nothing is forgotten or written below, and the limit holds when it is back', {
    tags: 'slow',
  }, async () => {
    const disk = createLoopDisk(64);
    const { paths, bytes, start } = arrange(join(disk.path, 'cache'), { AUTOCACHE_LIMIT: '6MiB' });
    const daemon = await start();
    await daemon.client.warm({ paths: paths.slice(0, 2), wait: true });
    disk.unmount();
    for (const path of paths) expect(await ask(daemon, path)).toMatchObject({ reason: 'OFF', path });
    expect((await daemon.client.clear({ all: true })).files).toBe(0);
    expect((await daemon.client.verify({ all: true })).damaged).toEqual([]);
    expect(await ssd(daemon)).toMatchObject({ state: 'away', files: 2 });
    // No list calls a copy ready that nothing can be loaded from.
    const listed = (await daemon.client.entries({ cached: true })).entries.flatMap(({ copies }) => copies);
    expect(listed.map(({ state }) => state)).toEqual(['away', 'away']);
    expect((await daemon.client.explain(paths[0] ?? '')).entry?.copies[0]?.state).toBe('away');
    expect(await libraryStates(daemon)).toEqual({ 'cache-away': 2, 'not-copied': 1 });
    expect(readdirSync(disk.path)).toEqual([]);
    // Another volume in its place is not it either.
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', disk.path]);
    expect(await ask(daemon, paths[2])).toMatchObject({ reason: 'OFF' });
    expect(readdirSync(disk.path)).toEqual([]);
    execFileSync('umount', [disk.path]);

    disk.mount();
    await stateIs(daemon, 'here');
    await expectHit(daemon, paths[0], bytes[0]);
    await daemon.client.warm({ paths: paths.slice(2), wait: true });
    expect((await ssd(daemon)).bytes).toBeLessThanOrEqual(6 * mib);
  });

  test('is not mounted at the start, and is named by another link than before: no new cache is made below the mount point', async () => {
    const disk = createLoopDisk(64);
    const { dir, paths, bytes, start } = arrange(join(disk.path, 'cache'));
    const first = await start();
    await first.client.warm({ paths: paths.slice(0, 1), wait: true });
    await endDaemonProcess(first.child);
    disk.unmount();
    symlinkSync(disk.path, join(dir, 'link'));

    const second = await start({ AUTOCACHE_DIR: join(dir, 'link/cache') });
    expect(await ask(second, paths[0])).toMatchObject({ reason: 'OFF' });
    expect(readdirSync(disk.path)).toEqual([]);
    disk.mount();
    await expectHit(second, paths[0], bytes[0]);
  });

  test('goes in the middle of a copy: the job says so and ends, and nothing begins on it until it was looked through', {
    tags: 'slow',
  }, async () => {
    const disk = createLoopDisk(256);
    const { dir, start } = arrange(join(disk.path, 'cache'), { AUTOCACHE_RATE: '32MiB' });
    const large = join(dir, 'models/loras/large.safetensors');
    const content = writeModel(large, 100 * mib);
    const daemon = await start();
    await ask(daemon, large);
    const job = async () => (await daemon.client.jobs()).jobs.find(({ path }) => path === large);
    await vi.waitFor(async () => expect((await job())?.bytesDone).toBeGreaterThan(8 * mib), soon());
    disk.unmount();
    await vi.waitFor(async () => expect(await job()).toMatchObject({ state: 'failed', error: { code: 'CACHE_AWAY' } }), {
      ...soon(),
      timeout: patience(20_000),
    });
    expect((await job())?.bytesDone).toBeLessThan(100 * mib);
    disk.mount();
    // It is back, and the daemon has not noticed: what a copy wrote now would be taken for a leftover.
    expect(await ask(daemon, large)).toMatchObject({ reason: 'OFF' });
    await stateIs(daemon, 'here');
    await expectHit(daemon, large, content);
    expect(readdirSync(join(disk.path, 'cache/partial'))).toEqual([]);
  });

  test('comes back read-only: its copies are served, and it is written to again when it can be', { tags: 'slow' }, async () => {
    const disk = createLoopDisk(64);
    const { paths, bytes, start } = arrange(join(disk.path, 'cache'));
    const daemon = await start();
    await daemon.client.warm({ paths: paths.slice(0, 1), wait: true });
    const elsewhere = tempDir();
    disk.unmount();
    expect(await ask(daemon, paths[1])).toMatchObject({ reason: 'OFF' });
    disk.mountAt(elsewhere);
    execFileSync('mount', ['--bind', elsewhere, disk.path]);
    execFileSync('mount', ['-o', 'remount,bind,ro', disk.path]);
    await stateIs(daemon, 'read-only');
    await expectHit(daemon, paths[0], bytes[0]);
    expect(await ask(daemon, paths[1])).toMatchObject({ reason: 'READ_ONLY' });
    execFileSync('mount', ['-o', 'remount,bind,rw', disk.path]);
    await stateIs(daemon, 'here');
    expect((await daemon.client.warm({ paths, wait: true })).ready).toBe(3);
  });

  test('has a cache directory that may not be changed: as on a read-only disk, copies are served and none fail', {
    tags: 'slow',
  }, async () => {
    const disk = createLoopDisk(64);
    const { paths, bytes, start } = arrange(join(disk.path, 'cache'));
    const daemon = await start();
    await daemon.client.warm({ paths: paths.slice(0, 1), wait: true });
    execFileSync('chattr', ['-R', '+i', join(disk.path, 'cache')]);
    await expectHit(daemon, paths[0], bytes[0]);
    expect(await ask(daemon, paths[1])).toMatchObject({ reason: 'READ_ONLY', path: paths[1] });
    expect(await ssd(daemon)).toMatchObject({ state: 'read-only', files: 1 });
    execFileSync('chattr', ['-R', '-i', join(disk.path, 'cache')]);
    expect((await daemon.client.warm({ paths, wait: true })).ready).toBe(3);
  });

  test('takes no more writes: copies are served, none are made or removed', { tags: 'slow' }, async () => {
    const disk = createLoopDisk(64);
    const { paths, bytes, start } = arrange(join(disk.path, 'cache'));
    const daemon = await start();
    await daemon.client.warm({ paths: paths.slice(0, 1), wait: true });
    await endDaemonProcess(daemon.child);
    execFileSync('mount', ['-o', 'remount,ro', disk.path]);
    const again = await start();
    await expectHit(again, paths[0], bytes[0]);
    expect(await ask(again, paths[1])).toMatchObject({ reason: 'READ_ONLY', path: paths[1] });
    expect(await ssd(again)).toMatchObject({ state: 'read-only', files: 1 });
    execFileSync('mount', ['-o', 'remount,rw', disk.path]);
    await stateIs(again, 'here');
    expect((await again.client.warm({ paths, wait: true })).ready).toBe(3);
  });

  test('is full, with the catalog on it: status, evict, purge and a restart work all the same', { tags: 'slow' }, async () => {
    const disk = createLoopDisk(64);
    const { paths, start } = arrange(join(disk.path, 'cache'), { AUTOCACHE_STATE: join(disk.path, 'state') });
    const fill = () => fillDisk(disk.path);
    const daemon = await start();
    await daemon.client.warm({ paths, wait: true });
    const reserved = () => vi.waitFor(() => expect(existsSync(join(disk.path, 'state/reserve'))).toBe(true), soon());
    await reserved();
    expect(fill()).toBeLessThan(64);
    expect((await ssd(daemon)).files).toBe(3);
    expect((await daemon.client.evict({ paths: paths.slice(0, 1) })).files).toBe(1);
    fill();
    expect((await daemon.client.clear({ all: true })).files).toBe(2);
    await reserved();
    expect(fill()).toBeLessThan(64);
    await endDaemonProcess(daemon.child);
    const again = await start();
    expect((await ssd(again)).files).toBe(0);
  });

  test('is full, and so is the space kept for that: what cannot be done says where room is needed, once in the log', {
    tags: 'slow',
  }, async () => {
    const disk = createLoopDisk(64);
    const lines: string[] = [];
    const log = createLog(
      { level: 'error', form: 'json' },
      new Writable({ write: (line, _, done) => done(void lines.push(String(line))) }),
    );
    const settings = { AUTOCACHE_DIR: join(disk.path, 'cache'), AUTOCACHE_STATE: join(disk.path, 'state') };
    const daemon = await runDaemon({ 'loras/a.safetensors': size }, settings, disk.path, { log });
    const paths = [join(daemon.root, 'loras/a.safetensors')];
    await daemon.client.warm({ paths, wait: true });
    const fill = () => {
      rmSync(join(disk.path, 'state/reserve'), { force: true, recursive: true });
      return fillDisk(disk.path);
    };
    const full = {
      code: 'NO_SPACE',
      message: expect.stringContaining(`the disk of ${join(disk.path, 'state/catalog.db')} is full`),
    };
    // SQLite writes on in the space that its journal has.
    await vi.waitFor(async () => {
      expect(fill()).toBeLessThan(64);
      await expect(daemon.client.pin({ paths })).rejects.toMatchObject(full);
    }, soon());
    const told = () => lines.filter((line) => line.includes('catalog.db')).length;
    const tries = vi.spyOn(Catalog.prototype, 'isWritable');
    onTestFinished(() => tries.mockRestore());
    // The path that a running program was given would be written with the next flush.
    while (tries.mock.calls.length < 10) {
      await daemon.client.lookup({
        path: paths[0] ?? '',
        purpose: 'load',
        waitMs: 0,
        client: { app: 'test', pid: process.pid },
      });
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    expect(told()).toBe(1);
    expect((await daemon.client.stats()).tiers[0]?.files).toBe(1);
  });
});
