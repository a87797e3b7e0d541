import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createResolver } from '../../src/index.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { hit, running } from './samples.ts';

let cwd: string;
beforeEach(async () => {
  cwd = await mkdtemp(join(tmpdir(), 'autocached-lookup-'));
});
afterEach(() => rm(cwd, { recursive: true, force: true }));

describe('lookup', () => {
  test('says first where to open the file, then why there', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => hit });
    const { code, out } = await runCli(['lookup', '/mnt/a.safetensors'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toBe(`${hit.path}\n  HIT  a verified copy is on the SSD\n  on ssd, stays there for at least 10m\n`);
  });

  test('sends its own stat of the file, to the nanosecond, so that the daemon needs none', async () => {
    await writeFile(join(cwd, 'a.safetensors'), 'weights');
    const { mtimeNs } = await stat(join(cwd, 'a.safetensors'), { bigint: true });
    await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => hit });
    await runCli(['lookup', 'a.safetensors', '--wait', '5m', '--purpose', 'metadata'], { stateDir: daemon.stateDir, cwd });
    expect(daemon.asked[0]?.body).toEqual({
      path: join(cwd, 'a.safetensors'),
      size: 7,
      mtimeNs: String(mtimeNs),
      purpose: 'metadata',
      waitMs: 300_000,
      client: { app: 'autocached lookup', pid: process.pid },
    });
  });

  test('asks for a file that is not there: its copy may be', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => ({ ...hit, reason: 'HIT_OFFLINE' }) });
    const { code, out } = await runCli(['lookup', './gone.safetensors'], { stateDir: daemon.stateDir, cwd });
    expect(code).toBe(0);
    expect(daemon.asked[0]?.body).toMatchObject({ path: join(cwd, 'gone.safetensors') });
    expect(daemon.asked[0]?.body).not.toHaveProperty('size');
    expect(out).toContain('the source does not answer; the copy is used');
  });

  test('says which of both it is: a mode of off, or the disk of the cache', async () => {
    const why = 'the cache disk is away';
    await using daemon = await startFakeDaemon({
      'POST /api/lookup': () => ({ ...hit, path: '/mnt/a', tier: 'nas', reason: 'OFF', leaseMs: 0 }),
      'GET /api/cache/explain': () => ({ now: { reason: 'OFF', path: '/mnt/a', word: 'cache away', why } }),
    });
    const { out } = await runCli(['lookup', '/mnt/a'], { stateDir: daemon.stateDir });
    expect(out).toContain(`OFF  ${why}`);
  });

  test('asks by category and name', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => hit });
    await runCli(['lookup', 'loras/SDXL/a.safetensors'], { stateDir: daemon.stateDir, cwd });
    expect(daemon.asked[0]?.body).toMatchObject({ category: 'loras', name: 'SDXL/a.safetensors', purpose: 'load', waitMs: 0 });
    expect(daemon.asked[0]?.body).not.toHaveProperty('path');
  });

  test('shows how far the copy is', async () => {
    await using daemon = await startFakeDaemon({
      'POST /api/lookup': () => ({ ...hit, path: '/mnt/a', tier: 'nas', reason: 'COPYING', leaseMs: 0, job: running }),
    });
    const { out } = await runCli(['lookup', '/mnt/a'], { stateDir: daemon.stateDir });
    expect(out).toContain('on nas\n');
    expect(out).toContain('job #12 running: 54 % of 6.5 GiB, 412 MiB/s, 8s left');
  });

  test('of a file that does not exist anywhere fails', async () => {
    const missing = { path: '/mnt/a', tier: null, reason: 'SOURCE_MISSING', leaseMs: 0, entry: null, job: null };
    await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => missing });
    const { code, out } = await runCli(['lookup', '/mnt/a'], { stateDir: daemon.stateDir });
    expect(code).toBe(1);
    expect(out).toContain('there is no such file');
  });

  test('--json answers an object for one file, an array for several', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/lookup': () => hit });
    const one = await runCli(['lookup', '/a', '--json'], { stateDir: daemon.stateDir });
    expect(JSON.parse(one.out)).toEqual(hit);
    const two = await runCli(['lookup', '/a', '/b', '--json'], { stateDir: daemon.stateDir });
    expect(JSON.parse(two.out)).toEqual([hit, hit]);
  });
});

test('a directory that is called like a model is not queued, and becomes no entry', async () => {
  const daemon = await runDaemon({ 'loras/a.safetensors': 2000 }, { AUTOCACHE_MIN_SIZE: '1000' });
  const path = join(daemon.root, 'loras/dir.safetensors');
  await mkdir(path);
  // A machine that looks at the source for too long answers WAIT_TIMEOUT.
  const reason = async () => JSON.parse((await runCli(['lookup', path, '--json'], { stateDir: daemon.stateDir })).out).reason;
  await expect.poll(reason, soon()).toBe('SOURCE_MISSING');
  const resolver = createResolver({ stateDir: daemon.stateDir, timeoutMs: { connect: 10_000, answer: 10_000 } });
  await expect.poll(() => resolver.resolve(path), soon()).toMatchObject({ path, reason: 'SOURCE_MISSING' });
  resolver.close();
  expect((await daemon.client.entries({})).entries).toEqual([]);
});
