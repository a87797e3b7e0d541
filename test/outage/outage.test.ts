import { mkdirSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { LookupAnswer, RootView } from '../../src/api/api.ts';
import type { EventMap } from '../../src/api/event-map.ts';
import type { Client } from '../../src/cli/client.ts';
import { type DaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { createFaultyMount, type FaultyMount, noFaultyMount } from '../helpers/hanging-mount.ts';
import { patience, soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const size = 300_000;
const ask = (client: Client, path: string): Promise<LookupAnswer> =>
  client.lookup({ path, purpose: 'load', waitMs: 0, client: { app: 'test' } });

/** Everything that happens from now on, until `wanted` is among it. */
async function until<K extends keyof EventMap>(
  { client }: DaemonProcess,
  name: K,
  wanted: (event: EventMap[K]) => boolean,
): Promise<() => Promise<void>> {
  const over = new AbortController();
  const events = await client.events(over.signal);
  return async () => {
    for await (const event of events) if (event.name === name && wanted(event.data as EventMap[K])) break;
    over.abort();
  };
}

const healthIs = (daemon: DaemonProcess, health: RootView['health']) =>
  until(daemon, 'root-health', (root) => root.health === health);

/** A daemon over models on a disk or mount, two of three copied. */
async function start(dir: string, files: string, kind: 'hdd' | 'nas'): Promise<{ daemon: DaemonProcess; paths: string[] }> {
  const names = ['a', 'b', 'c'].map((name) => `loras/${name}.safetensors`);
  for (const name of names) writeModel(join(files, name), size);
  const paths = names.map((name) => join(dir, name));
  const daemon = await startDaemonProcess({ settings: { AUTOCACHE_ROOTS: `${dir}=${kind}` } });
  const warmed = await daemon.client.warm({ paths: paths.slice(0, 2), wait: true });
  expect(warmed.ready).toBe(2);
  return { daemon, paths };
}

async function expectServed({ client }: DaemonProcess, paths: string[], bytes: Buffer[]): Promise<void> {
  for (const [index, path] of paths.slice(0, 2).entries()) {
    const answer = await ask(client, path);
    expect(answer).toMatchObject({ reason: 'HIT_OFFLINE', tier: 'ssd' });
    expect(readFileSync(answer.path).equals(bytes[index] ?? Buffer.alloc(0))).toBe(true);
  }
  expect((await client.entries({ cached: true })).total).toBe(2);
}

describe('the disk with the models', () => {
  test.each(['unmounted, which leaves an empty folder', 'gone'])(
    '%s: copies still load, nothing is forgotten',
    { tags: 'slow' },
    async (what) => {
      const dir = join(tempDir(), 'models');
      const { daemon, paths } = await start(dir, dir, 'hdd');
      const bytes = paths.map((path) => readFileSync(path));
      const away = await healthIs(daemon, 'away');
      renameSync(dir, `${dir}.away`);
      if (what !== 'gone') mkdirSync(dir);
      await expectServed(daemon, paths, bytes);
      await away();
      const [root] = (await daemon.client.stats()).roots;
      expect(root).toMatchObject({ health: 'away', why: expect.any(String) });
      expect(await ask(daemon.client, paths[2] ?? '')).toMatchObject({ reason: 'SOURCE_AWAY', path: paths[2] });

      const back = await healthIs(daemon, 'ok');
      if (what !== 'gone') rmdirSync(dir);
      renameSync(`${dir}.away`, dir);
      expect(await ask(daemon.client, paths[0] ?? '')).toMatchObject({ reason: 'HIT' });
      await back();
      expect((await daemon.client.stats()).roots).toMatchObject([{ health: 'ok', why: null }]);
    },
  );
});

test('a file that was deleted from a folder that is there is not brought back by its copy', async () => {
  const dir = join(tempDir(), 'models');
  const { daemon, paths } = await start(dir, dir, 'hdd');
  const [gone = '', other = ''] = paths;
  rmSync(gone);
  expect(await ask(daemon.client, gone)).toMatchObject({ reason: 'SOURCE_MISSING', path: gone, leaseMs: 0 });
  const named = { category: 'loras', name: 'a.safetensors', purpose: 'load', waitMs: 0, client: null } as const;
  expect(await daemon.client.lookup(named)).toMatchObject({ reason: 'SOURCE_MISSING', path: gone });
  expect(await ask(daemon.client, other)).toMatchObject({ reason: 'HIT' });
  expect((await daemon.client.stats()).roots).toMatchObject([{ health: 'ok' }]);
});

if (noFaultyMount) console.warn(`SKIPPED: outages of a real mount (${noFaultyMount})`);

describe.skipIf(noFaultyMount !== null)('a NAS that', () => {
  async function startOnMount(): Promise<{ daemon: DaemonProcess; paths: string[]; bytes: Buffer[]; mount: FaultyMount }> {
    const mount = await createFaultyMount();
    const { daemon, paths } = await start(mount.path, mount.source, 'nas');
    return { daemon, paths, mount, bytes: paths.map((path) => readFileSync(path.replace(mount.path, mount.source))) };
  }

  test('hangs: a hundred lookups at once are answered within 250 ms each, and local files are not held up', {
    tags: 'slow',
  }, async () => {
    const { daemon, paths, bytes, mount } = await startOnMount();
    const away = await healthIs(daemon, 'away');
    mount.behave('hang');
    const timed = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const startedAt = performance.now();
        const answer = await ask(daemon.client, paths[index % 2] ?? '');
        return { answer, ms: performance.now() - startedAt };
      }),
    );
    // Silent for less than a second, it is not known to be away.
    expect(new Set(timed.map(({ answer }) => answer.reason))).toEqual(new Set(['HIT']));
    expect(timed.every(({ answer }) => answer.tier === 'ssd')).toBe(true);
    const { latencyMs } = await daemon.client.stats();
    expect(latencyMs.hit.p99).toBeLessThan(patience(250));
    // Beside what the daemon takes stand a hundred connections of this test.
    expect(Math.max(...timed.map(({ ms }) => ms))).toBeLessThan(patience(1000));
    await away();
    await expectServed(daemon, paths, bytes);
    const startedAt = performance.now();
    expect(await daemon.client.healthy()).toBe(true);
    expect(performance.now() - startedAt).toBeLessThan(patience(250));
    const back = await healthIs(daemon, 'ok');
    mount.behave('ok');
    // A reader that hung is given a pause; the roots are looked at again by themselves.
    await back();
    expect(await ask(daemon.client, paths[0] ?? '')).toMatchObject({ reason: 'HIT' });
  });

  test.each([
    ['lost its connection (ENOTCONN)', 107],
    ['has an input/output error on everything (EIO)', 5],
    ['forgot its handles (ESTALE)', 116],
  ])('%s: copies still load, and a copy that failed is made when it is back', { tags: 'slow' }, async (_what, errno) => {
    const { daemon, paths, bytes, mount } = await startOnMount();
    const away = await healthIs(daemon, 'away');
    mount.behave(errno);
    await expectServed(daemon, paths, bytes);
    await away();
    const third = paths[2] ?? '';
    const failed = await until(daemon, 'job-failed', ({ path }) => path === third);
    const { size: bytesTotal, mtimeNs } = statOf(third.replace(mount.path, mount.source));
    // A program that has the file's stat from before asks for it: the copy is tried, and fails.
    await daemon.client.lookup({ path: third, size: bytesTotal, mtimeNs, purpose: 'load', waitMs: 0, client: null });
    await failed();
    const done = await until(daemon, 'job-done', ({ path }) => path === third);
    mount.behave('ok');
    // Found by the next look at the roots, or sooner by anybody's lookup.
    if (errno !== 107) await ask(daemon.client, paths[0] ?? '');
    await done();
    expect(await ask(daemon.client, third)).toMatchObject({ reason: 'HIT' });
  });

  test('lets nobody in any more (EACCES): copies still load, and a file without one is not permitted', async () => {
    const { daemon, paths, bytes, mount } = await startOnMount();
    mount.behave(13);
    await expectServed(daemon, paths, bytes);
    expect(await ask(daemon.client, paths[2] ?? '')).toMatchObject({ reason: 'NOT_PERMITTED', path: paths[2] });
    expect(mount.fired()).toBeGreaterThan(0);
  });

  test('answers late is not away, and nobody waits for it', { tags: 'slow' }, async () => {
    const { daemon, paths, bytes, mount } = await startOnMount();
    const changes: string[] = [];
    const over = new AbortController();
    const events = await daemon.client.events(over.signal);
    const listening = (async () => {
      for await (const event of events) if (event.name === 'root-health') changes.push((event.data as RootView).health);
    })().catch(() => {});
    mount.behave('slow 400');
    // How slow it is shows when it has answered once.
    await vi.waitFor(async () => expect(await ask(daemon.client, paths[0] ?? '')).toMatchObject({ reason: 'HIT' }), soon());
    const waited = stat(paths[1] ?? '').then(() => null);
    const answer = await Promise.race([ask(daemon.client, paths[1] ?? ''), waited]);
    if (answer === null) throw new Error('a program that waits for the mount has its answer before an asker of autocached');
    await waited;
    expect(answer).toMatchObject({ reason: 'HIT', tier: 'ssd' });
    expect(readFileSync(answer.path).equals(bytes[1] ?? Buffer.alloc(0))).toBe(true);
    // What has no copy gets one when the source has answered.
    const third = paths[2] ?? '';
    const done = await until(daemon, 'job-done', ({ path }) => path === third);
    expect(await ask(daemon.client, third)).toMatchObject({ reason: 'WAIT_TIMEOUT', path: third });
    await done();
    expect(await ask(daemon.client, third)).toMatchObject({ reason: 'HIT' });
    expect(mount.fired()).toBeGreaterThan(0);
    over.abort();
    await listening;
    expect(changes).not.toContain('away');
  });

  test('is silent for the first time is not away: not with a copy, not without one, and not for a model that was deleted', {
    tags: 'slow',
  }, async () => {
    const { daemon, paths, mount } = await startOnMount();
    const [first = '', deleted = '', third = ''] = paths;
    rmSync(deleted.replace(mount.path, mount.source));
    const away = await healthIs(daemon, 'away');
    mount.behave('hang');
    expect(await ask(daemon.client, first)).toMatchObject({ reason: 'HIT', tier: 'ssd' });
    expect(await ask(daemon.client, third)).toMatchObject({ reason: 'WAIT_TIMEOUT', path: third });
    // The shim takes a model that ComfyUI does not list for one whose folder is away when it reads HIT_OFFLINE.
    const named = { category: 'loras', name: 'b.safetensors', purpose: 'load', waitMs: 0, client: null } as const;
    expect((await daemon.client.lookup(named)).reason).toBe('HIT');
    expect(mount.fired()).toBeGreaterThan(0);
    // Who has been waited for in vain is away.
    await away();
    expect(await ask(daemon.client, first)).toMatchObject({ reason: 'HIT_OFFLINE' });
    expect(await ask(daemon.client, third)).toMatchObject({ reason: 'SOURCE_AWAY', path: third });
  });

  test('is unmounted: copies still load, nothing is forgotten', async () => {
    const { daemon, paths, bytes, mount } = await startOnMount();
    const away = await healthIs(daemon, 'away');
    await mount.unmount();
    await expectServed(daemon, paths, bytes);
    await away();
  });
});

function statOf(path: string): { size: number; mtimeNs: string } {
  const { size: bytes, mtimeNs } = statSync(path, { bigint: true });
  return { size: Number(bytes), mtimeNs: String(mtimeNs) };
}
