import { execFile } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Installed } from '../../bench/installed.ts';
import type { LookupAnswer } from '../../src/api/api.ts';
import type { Client } from '../../src/cli/client.ts';
import { writeModel } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';

const MiB = 2 ** 20;

/** The installed program with a root on a "NAS" and one model in it. */
function install(settings: Record<string, string> = {}) {
  const installed = new Installed('e2e', (root) => ({
    AUTOCACHE_ROOTS: `${root}=nas`,
    AUTOCACHE_MIN_SIZE: '1KiB',
    ...settings,
  }));
  installed.quiet();
  onTestFinished(() => installed[Symbol.asyncDispose]());
  const model = join(installed.root, 'checkpoints', 'a.safetensors');
  const bytes = writeModel(model, 3 * MiB);
  return { installed, model, bytes };
}

function lookup(client: Client, path: string, waitMs = 0): Promise<LookupAnswer> {
  return client.lookup({ path, purpose: 'load', waitMs, client: null });
}

describe('the main job', () => {
  test('the first lookup gets the source and starts a copy, the next gets the copy, also after kill -9', async () => {
    const { installed, model, bytes } = install();
    const client = await installed.start();
    expect(await lookup(client, model)).toMatchObject({ path: model, tier: 'nas', reason: 'QUEUED' });
    const warm = await lookup(client, model, patience(10_000));
    expect(warm.tier).toBe('ssd');
    expect(readFileSync(warm.path).equals(bytes)).toBe(true);
    await installed.end('SIGKILL');
    const again = await lookup(await installed.start(), model);
    expect(again).toMatchObject({ path: warm.path, reason: 'HIT' });
  });

  test('the source is gone, or its mount point is empty: the copy is served', { tags: 'slow' }, async () => {
    const { installed, model } = install();
    const client = await installed.start();
    const { path } = await lookup(client, model, patience(10_000));
    renameSync(installed.root, `${installed.root}-unplugged`);
    expect(await lookup(client, model)).toMatchObject({ path, reason: 'HIT_OFFLINE' });
    mkdirSync(installed.root);
    expect(await lookup(client, model)).toMatchObject({ path, reason: 'HIT_OFFLINE' });
    expect(
      (await client.lookup({ category: 'checkpoints', name: 'a.safetensors', purpose: 'load', waitMs: 0, client: null })).path,
    ).toBe(path);
  });

  test('a source that was replaced is never answered with its old bytes', { tags: 'slow' }, async () => {
    const { installed, model } = install();
    const client = await installed.start();
    await lookup(client, model, patience(10_000));
    const bytes = writeModel(model, 4 * MiB);
    expect(await lookup(client, model)).toMatchObject({ path: model, reason: 'STALE' });
    const { path } = await lookup(client, model, patience(10_000));
    expect(path).not.toBe(model);
    expect(readFileSync(path).equals(bytes)).toBe(true);
  });
});

describe('killed, damaged, doubled', () => {
  test('killed in the middle of a copy: nothing half is served, and the copy is taken up again', { tags: 'slow' }, async () => {
    const { installed, model } = install({ AUTOCACHE_RATE: 'nas=4MiB' });
    const big = join(installed.root, 'checkpoints', 'big.safetensors');
    writeModel(big, 24 * MiB);
    const client = await installed.start();
    const progress = await client.events(AbortSignal.timeout(patience(15_000)));
    await lookup(client, big);
    for await (const event of progress) if (event.name === 'job-progress') break;
    await installed.end('SIGKILL');
    const restarted = await installed.start();
    expect((await lookup(restarted, big)).path).toBe(big);
    const { jobs } = await restarted.jobs();
    expect(jobs.find((job) => job.path === big)?.state).toMatch(/queued|running/);
    expect((await lookup(restarted, model)).path).toBe(model);
  });

  test('a second daemon on the same directories stops at once and says why; after kill -9 nothing is in the way', {
    tags: 'slow',
  }, async () => {
    const { installed } = install();
    await installed.start();
    const second = await promisify(execFile)(process.execPath, [...installed.command, 'start'], {
      env: installed.env,
      cwd: installed.dir,
    }).catch((error: { code: number; stderr: string }) => error);
    expect(second).toMatchObject({ code: 1 });
    expect(second.stderr).toMatch(/another autocached \(pid \d+\) is using the state directory/);
    await installed.end('SIGKILL');
    await installed.start();
  });

  test.each([
    ['deleted', (file: string) => rmSync(file)],
    ['overwritten with rubbish', (file: string) => writeFileSync(file, 'rubbish'.repeat(10_000))],
    ['cut off', (file: string) => truncateSync(file, 5000)],
  ])('a catalog that was %s is rebuilt from the cache directory', { tags: 'slow' }, async (_how, harm) => {
    const { installed, model } = install();
    const { path } = await lookup(await installed.start(), model, patience(10_000));
    await installed.end('SIGKILL');
    for (const suffix of ['-wal', '-shm']) rmSync(join(installed.stateDir, `catalog.db${suffix}`), { force: true });
    harm(join(installed.stateDir, 'catalog.db'));
    expect(await lookup(await installed.start(), model)).toMatchObject({ path, reason: 'HIT' });
  });
});

describe('what is mine stays mine', () => {
  const start = async (installed: Installed) => {
    try {
      await installed.start();
      return 'started';
    } catch {
      return readdirSync(installed.dir).length > 0 ? 'refused' : 'gone';
    }
  };

  test('a cache directory that is a model library is refused and nothing in it is touched (Arena A5)', async () => {
    const { installed, model, bytes } = install();
    installed.env['AUTOCACHE_DIR'] = installed.root;
    expect(await start(installed)).toBe('refused');
    expect(readFileSync(model).equals(bytes)).toBe(true);
    expect(readdirSync(installed.root)).toEqual(['checkpoints']);
  });

  test.each([
    ['inside a root', (root: string) => join(root, 'cache')],
    ['around a root', (root: string) => join(root, '..')],
  ])('a cache directory %s is refused', async (_where, dirOf) => {
    const { installed } = install();
    installed.env['AUTOCACHE_DIR'] = dirOf(installed.root);
    expect(await start(installed)).toBe('refused');
  });

  test('mode off serves the source at once, and stays off over a restart (Arena A10)', { tags: 'slow' }, async () => {
    const { installed, model } = install();
    const client = await installed.start();
    await lookup(client, model, patience(10_000));
    await client.changeConfig({ mode: 'off' });
    expect(await lookup(client, model)).toMatchObject({ path: model, reason: 'OFF' });
    await installed.end('SIGTERM');
    expect((await lookup(await installed.start(), model)).reason).toBe('OFF');
  });

  test('a lookup of anything makes no directory and no file (Arena A8, A13)', async () => {
    const { installed } = install();
    const client = await installed.start();
    const before = readdirSync(installed.dir, { recursive: true })
      .filter((name) => !String(name).startsWith('state'))
      .sort();
    const secret = await lookup(client, '/etc/hostname');
    expect(secret).toMatchObject({ path: '/etc/hostname', reason: 'BYPASS_UNKNOWN_ROOT' });
    const outside = await client.lookup({
      category: 'checkpoints',
      name: '../../../../../etc/hostname',
      purpose: 'load',
      waitMs: 0,
      client: null,
    });
    expect(outside.path.startsWith(installed.root)).toBe(true);
    await client.lookup({ category: 'configs', name: 'v1.yaml', purpose: 'load', waitMs: 0, client: null });
    const after = readdirSync(installed.dir, { recursive: true })
      .filter((name) => !String(name).startsWith('state'))
      .sort();
    expect(after).toEqual(before);
    expect(statSync(join(installed.stateDir, 'token')).mode & 0o077).toBe(0);
  });
});
