import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import type { RootView } from '../../src/api/api.ts';
import { startDaemon } from '../../src/compose/daemon.ts';
import { loadConfig } from '../../src/config/config.ts';
import { CacheError } from '../../src/core/errors.ts';
import { type FakeDaemon, startFakeDaemon } from './fake-daemon.ts';
import { runCli, startCli } from './run-cli.ts';
import { hddAway, nas } from './samples.ts';

vi.mock('../../src/compose/daemon.ts', () => ({ startDaemon: vi.fn() }));
vi.mock('../../src/config/config.ts', () => ({ loadConfig: vi.fn() }));

const gib = 1024 ** 3;
let disposed: number;
let stop: () => void;

beforeEach(() => {
  vi.mocked(loadConfig).mockReset();
  vi.mocked(startDaemon).mockReset();
  disposed = 0;
});

/** The daemon that `start` gets, with the state directory of a fake one, whose daemon.json is there. */
function daemonIs(
  { stateDir, url }: FakeDaemon,
  changes: { roots?: RootView[]; usedBytes?: number; mode?: string } = {},
): void {
  const { roots = [nas, hddAway], usedBytes = 132 * gib, mode = 'read-write' } = changes;
  const config = { stateDir, dir: '/ssd/cache', mode, group: null } as never;
  const nothing = { settings: [], environment: {}, files: [], options: {}, context: {} as never };
  vi.mocked(loadConfig).mockReturnValue({ ...nothing, config, notices: ['the limit is small'] });
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });
  const dispose = async () => void disposed++;
  vi.mocked(startDaemon).mockResolvedValue({
    ...{ url, config, roots, usedBytes, stopped, limitBytes: 200 * gib, accounting: false },
    [Symbol.asyncDispose]: dispose,
  });
}

describe('start', () => {
  test('says where everything is, how full it is, and what to do next', async () => {
    await using fake = await startFakeDaemon();
    daemonIs(fake);
    const run = startCli(['start'], { stateDir: fake.stateDir });
    await run.out.until('next:');
    stop();
    expect(await run.done).toEqual({
      code: 0,
      err: '',
      out: [
        `autocached runs at ${fake.url} (pid ${process.pid}); Ctrl-C stops it`,
        '  cache  /ssd/cache, 132 GiB of 200 GiB used',
        '  mode   read-write',
        '  roots  /mnt/nas/models (nas)',
        '         /mnt/hdd/models (hdd, away)',
        'note: the limit is small',
        'next: autocached status\n',
      ].join('\n'),
    });
    expect(disposed).toBe(1);
  });

  test.each([
    ['knows no root', { roots: [], usedBytes: 0 }, 'name your model folders: AUTOCACHE_ROOTS=/path/to/models in .env'],
    ['has cached nothing', { usedBytes: 0 }, 'autocached lookup FILE'],
    ['is switched off', { mode: 'off' }, 'autocached mode read-write'],
  ])('of a daemon that %s names the one next step', async (_what, changes, step) => {
    await using fake = await startFakeDaemon();
    daemonIs(fake, changes);
    const run = startCli(['start'], { stateDir: fake.stateDir });
    await run.out.until('next:');
    stop();
    const { out } = await run.done;
    expect(out).toContain(`next: ${step}`);
    expect(out.match(/next:/g)).toHaveLength(1);
  });

  test.each(['SIGINT', 'SIGTERM'])(
    '%s stops it cleanly, and a second one meets nobody and ends the process',
    async (signal) => {
      await using fake = await startFakeDaemon();
      daemonIs(fake);
      const run = startCli(['start'], { stateDir: fake.stateDir });
      await run.out.until('next:');
      expect(run.signals.listenerCount(signal)).toBe(1);
      run.signals.emit(signal, signal);
      expect(run.signals.listenerCount('SIGINT') + run.signals.listenerCount('SIGTERM')).toBe(0);
      const { code, err } = await run.done;
      expect(code).toBe(0);
      expect(err).toBe(`${signal}: stopping; a second one quits at once\n`);
      expect(disposed).toBe(1);
    },
  );

  test('leaves no signal handler behind when the daemon stops by itself', async () => {
    await using fake = await startFakeDaemon();
    daemonIs(fake);
    const run = startCli(['start'], { stateDir: fake.stateDir });
    await run.out.until('next:');
    stop();
    await run.done;
    expect(run.signals.eventNames()).toEqual([]);
  });

  test('takes its options for settings', async () => {
    await using fake = await startFakeDaemon();
    daemonIs(fake);
    const args = ['start', '--dir', 'cache', '--limit', '80%', '--set', 'AUTOCACHE_INCLUDE=a=b'];
    const run = startCli(args, { stateDir: fake.stateDir, cwd: '/work' });
    await run.out.until('next:');
    stop();
    await run.done;
    const flags = { AUTOCACHE_DIR: 'cache', AUTOCACHE_LIMIT: '80%', AUTOCACHE_INCLUDE: 'a=b', AUTOCACHE_STATE: fake.stateDir };
    expect(loadConfig).toHaveBeenCalledWith({ cwd: '/work', flags });
  });

  test('--json prints what daemon.json holds, and not the token', async () => {
    await using fake = await startFakeDaemon();
    daemonIs(fake);
    const run = startCli(['start', '--json'], { stateDir: fake.stateDir });
    await run.out.until('}');
    stop();
    const { out } = await run.done;
    const tokenFile = join(fake.stateDir, 'token');
    expect(JSON.parse(out)).toEqual({ url: fake.url, pid: 4711, version: '0.1.0', tokenFile });
  });
});

describe('start that cannot be', () => {
  test('tells of a bad configuration as wrong use, in the background too', async () => {
    vi.mocked(loadConfig).mockImplementation(() => {
      throw new CacheError('BAD_CONFIG', 'AUTOCACHE_LIMIT: expected a size');
    });
    for (const args of [['start'], ['start', '--detach'], ['restart']]) {
      const { code, err } = await runCli(args, { stateDir: '/nowhere' });
      expect(code).toBe(2);
      expect(err).toContain('AUTOCACHE_LIMIT: expected a size');
    }
  });

  test('tells why the daemon does not start', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'autocached-start-'));
    vi.mocked(loadConfig).mockReturnValue({ config: { group: null } } as never);
    vi.mocked(startDaemon).mockRejectedValue(
      new CacheError('ALREADY_RUNNING', 'a daemon runs already', { hint: 'autocached stop' }),
    );
    const { code, err } = await runCli(['start'], { stateDir: directory });
    await rm(directory, { recursive: true });
    expect(code).toBe(1);
    expect(err).toBe('autocached: a daemon runs already\n  hint: autocached stop\n');
  });

  test.each(['AUTOCACHE_JOBS', '=4'])('--set %s is wrong use', async (word) => {
    const { code, err } = await runCli(['start', '--set', word], { stateDir: '/nowhere' });
    expect(code).toBe(2);
    expect(err).toContain('expected KEY=VALUE');
  });
});
