import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { DaemonFile } from '../../src/api/daemon-file.ts';
import { Client } from '../../src/cli/client.ts';
import { stopDaemon } from '../../src/cli/stop-daemon.ts';
import { isAlive } from '../../src/runtime/lock-holder.ts';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';

const program = fileURLToPath(new URL('./daemon-program.mjs', import.meta.url));
const self = [process.execPath, program];

let cwd: string;
let stateDir: string;

beforeEach(async () => {
  cwd = await realpath(await mkdtemp(join(tmpdir(), 'autocached-detach-')));
  stateDir = join(cwd, 'state');
});

afterEach(async () => {
  const client = await Client.find(stateDir).catch(() => null);
  if (client && isAlive(client.daemon.pid)) await stopDaemon(client);
  await rm(cwd, { recursive: true, force: true });
});

async function daemonFile(): Promise<DaemonFile> {
  return JSON.parse(await readFile(join(stateDir, 'daemon.json'), 'utf8'));
}

async function settings(): Promise<Record<string, string>> {
  const { out } = await runCli(['config', '--json'], { stateDir });
  const all: { key: string; value: string }[] = JSON.parse(out).settings;
  return Object.fromEntries(all.map(({ key, value }) => [key, value]));
}

describe('start --detach', () => {
  test('comes back when the daemon answers, and says where it is and what to do next', async () => {
    const { code, out } = await runCli(['start', '--detach'], { stateDir, cwd, self });
    const { url, pid } = await daemonFile();
    expect(code).toBe(0);
    expect(out).toContain(`autocached runs at ${url} (pid ${pid}); `);
    expect(out).toContain(` stop ends it; its log: ${join(stateDir, 'daemon.log')}`);
    expect(out).toContain('note: a notice');
    expect(out).toContain('next: name your model folders: AUTOCACHE_ROOTS=/path/to/models in .env');
    expect(isAlive(pid)).toBe(true);
    expect(await readFile(join(stateDir, 'daemon.log'), 'utf8')).toContain('a line of the log');
  });

  test('hands all options on', async () => {
    const options = [
      '--dir',
      '/ssd',
      '--limit',
      '80%',
      '--roots',
      '/a;/b=nas',
      '--mode',
      'read-only',
      '--listen',
      '127.0.0.1:0',
    ];
    const args = ['start', '--detach', ...options, '--set', 'AUTOCACHE_JOBS=4', '--set', 'AUTOCACHE_POLICY=lfu'];
    expect((await runCli(args, { stateDir, cwd, self })).code).toBe(0);
    expect(await settings()).toMatchObject({
      AUTOCACHE_DIR: '/ssd',
      AUTOCACHE_LIMIT: '80%',
      AUTOCACHE_ROOTS: '/a;/b',
      AUTOCACHE_MODE: 'read-only',
      AUTOCACHE_LISTEN: '127.0.0.1:0',
      AUTOCACHE_POLICY: 'lfu',
      AUTOCACHE_STATE: stateDir,
    });
  });

  test('that fails shows the end of the log of this start, and not of earlier ones', async () => {
    await runCli(['start', '--detach'], { stateDir, cwd, self });
    await runCli(['stop'], { stateDir });
    const { code, err } = await runCli(['start', '--detach'], { stateDir, cwd, self: [...self, '--fail'] });
    expect(code).toBe(1);
    expect(err).toContain('the daemon did not start');
    expect(err).toContain('the cache directory is on a floppy disk');
    expect(err.match(/a line of the log/g)).toHaveLength(1);
  });

  test('does not take an older daemon, which answers in the same state directory, for the new one', async () => {
    await using older = await startFakeDaemon();
    const { code, err } = await runCli(['start', '--detach'], { stateDir: older.stateDir, cwd, self: [...self, '--fail'] });
    expect(code).toBe(1);
    expect(err).toContain('the daemon did not start');
  });

  test('--json prints what daemon.json holds', async () => {
    const { out } = await runCli(['start', '--detach', '--json'], { stateDir, cwd, self });
    expect(JSON.parse(out)).toEqual(await daemonFile());
  });
});

describe('stop', () => {
  test('comes back when the process is gone', async () => {
    await runCli(['start', '--detach'], { stateDir, cwd, self });
    const { pid } = await daemonFile();
    expect(await runCli(['stop'], { stateDir })).toEqual({ code: 0, out: `stopped (pid ${pid})\n`, err: '' });
    expect(isAlive(pid)).toBe(false);
  });

  test('of a daemon that does not go says after a while how to end it', async () => {
    await using daemon = await startFakeDaemon({ 'POST /api/shutdown': () => ({ stopping: true }) });
    await daemon.writeDaemonFile({ pid: process.pid });
    const client = await Client.find(daemon.stateDir);
    await expect(stopDaemon(client, 0)).rejects.toMatchObject({
      code: 'INTERNAL',
      message: expect.stringContaining(`(pid ${process.pid}) is still stopping`),
      hint: expect.stringMatching(new RegExp(`(kill -9|taskkill /PID) ${process.pid}`)),
    });
  });
});

describe('restart', () => {
  test('starts what does not run', async () => {
    expect((await runCli(['restart'], { stateDir, cwd, self })).code).toBe(0);
    expect(isAlive((await daemonFile()).pid)).toBe(true);
  });

  test('keeps the options and the directory of the first start, and takes new options', async () => {
    const options = ['--dir', '/ssd', '--limit', '80%'];
    await runCli(['start', '--detach', ...options], { stateDir, cwd, self });
    const { pid } = await daemonFile();
    const { code } = await runCli(['restart', '--limit', '90%'], { stateDir, cwd: tmpdir(), self });
    expect(code).toBe(0);
    expect((await daemonFile()).pid).not.toBe(pid);
    expect(isAlive(pid)).toBe(false);
    expect(await settings()).toEqual({
      AUTOCACHE_DIR: '/ssd',
      AUTOCACHE_LIMIT: '90%',
      AUTOCACHE_STATE: stateDir,
      AUTOCACHE_JOBS: cwd,
    });
  });
});

test('restart keeps an option that was changed while running, and is not led to the directory of config.env', async () => {
  await runCli(['start', '--detach', '--set', 'AUTOCACHE_POLICY=lru'], { stateDir, cwd, self });
  expect(await settings()).toMatchObject({ AUTOCACHE_POLICY: 'lfu' });
  expect((await runCli(['restart'], { stateDir, cwd: tmpdir(), self })).code).toBe(0);
  const { out } = await runCli(['config', '--json'], { stateDir });
  expect(JSON.parse(out).settings).toContainEqual(
    expect.objectContaining({ key: 'AUTOCACHE_POLICY', configured: { value: 'lru', from: 'flag' } }),
  );
  expect(await settings()).toMatchObject({ AUTOCACHE_JOBS: cwd });
});
