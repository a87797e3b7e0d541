import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ConfigValue } from '../../src/api/api.ts';
import type { StatsAnswer } from '../../src/api/stats.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { type FakeDaemon, startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';
import { stats } from './samples.ts';

const settings: ConfigValue[] = [
  { key: 'AUTOCACHE_DIR', value: '/ssd/cache', from: 'default', meaning: 'cache directory on the SSD', live: false },
  { key: 'AUTOCACHE_LIMIT', value: '200GiB', from: '/home/me/.env', meaning: 'most bytes', live: true },
  { key: 'AUTOCACHE_JOBS', value: '2', from: 'default', meaning: 'copies running at the same time', live: false },
];
const config = { settings, notices: ['ARENA_CACHE_ROOT is read as AUTOCACHE_DIR'] };

function daemonWithConfig(): Promise<FakeDaemon> {
  let mode: StatsAnswer['mode'] = 'read-write';
  return startFakeDaemon({
    'GET /api/cache/config': () => config,
    'POST /api/cache/config': ({ body }) => {
      mode = (body as { mode?: StatsAnswer['mode'] }).mode ?? mode;
      return config;
    },
    'GET /api/cache/stats': () => ({ ...stats, mode }),
  });
}

describe('config', () => {
  test('shows every setting, where it comes from, and which can change now', async () => {
    await using daemon = await daemonWithConfig();
    const { code, out } = await runCli(['config'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toMatch(/AUTOCACHE_DIR +\/ssd\/cache +default +cache directory on the SSD/);
    expect(out).toMatch(/AUTOCACHE_LIMIT \* +200GiB +\/home\/me\/\.env/);
    expect(out).toContain('* can be changed now');
    expect(out).toContain('note: ARENA_CACHE_ROOT is read as AUTOCACHE_DIR');
  });

  test('shows only the settings that are named', async () => {
    await using daemon = await daemonWithConfig();
    const { code, out } = await runCli(['config', 'AUTOCACHE_LIMIT'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toMatch(/AUTOCACHE_LIMIT \* +200GiB/);
    expect(out).not.toMatch(/^AUTOCACHE_(DIR|JOBS)/m);
  });

  test('changes what may change while the daemon runs', async () => {
    await using daemon = await daemonWithConfig();
    const changes = ['AUTOCACHE_LIMIT=80%', 'AUTOCACHE_POLICY=lfu', 'AUTOCACHE_MODE=off'];
    expect((await runCli(['config', ...changes], { stateDir: daemon.stateDir })).code).toBe(0);
    expect(daemon.bodies('POST /api/cache/config')).toEqual([{ limit: '80%', policy: 'lfu', mode: 'off' }]);
  });

  test.each([
    ['AUTOCACHE_JOBS=4', 'AUTOCACHE_JOBS cannot change while the daemon runs', 'autocached restart'],
    ['AUTOCACHE_LIMTI=1GiB', 'there is no setting AUTOCACHE_LIMTI', 'did you mean AUTOCACHE_LIMIT?'],
    ['AUTOCACHE_MODE=readonly', 'expected one of off, read-only, read-write, got "readonly"', ''],
    ['AUTOCACHE_LIMIT', '"AUTOCACHE_LIMIT" is not KEY=VALUE', 'autocached config shows every setting'],
  ])('%s is refused with what to do instead, and nothing is changed', async (word, message, hint) => {
    await using daemon = await daemonWithConfig();
    const { code, err } = await runCli(['config', 'AUTOCACHE_POLICY=lru', word], { stateDir: daemon.stateDir });
    expect(code).toBe(2);
    expect(err).toContain(message);
    expect(err).toContain(hint);
    expect(daemon.bodies('POST /api/cache/config')).toEqual([]);
  });

  test('--json is exactly what the API answered', async () => {
    await using daemon = await daemonWithConfig();
    const { out } = await runCli(['config', '--json'], { stateDir: daemon.stateDir });
    expect(JSON.parse(out)).toEqual(config);
  });
});

describe('mode', () => {
  test('is shown with what it means', async () => {
    await using daemon = await daemonWithConfig();
    const { code, out } = await runCli(['mode'], { stateDir: daemon.stateDir });
    expect(code).toBe(0);
    expect(out).toBe('read-write: copies are used and made\n');
    expect(daemon.bodies('POST /api/cache/config')).toEqual([]);
  });

  test('is changed at once, and the daemon is asked what it is now', async () => {
    await using daemon = await daemonWithConfig();
    expect((await runCli(['mode', 'read-only'], { stateDir: daemon.stateDir })).out).toBe(
      'read-only: copies are used, none are made\n',
    );
    expect(daemon.bodies('POST /api/cache/config')).toEqual([{ mode: 'read-only' }]);
    const { out } = await runCli(['mode', '--json'], { stateDir: daemon.stateDir });
    expect(JSON.parse(out)).toEqual({ mode: 'read-only' });
  });
});

test('config without a daemon shows the settings that it will start with', async () => {
  const stateDir = tempDir();
  writeFileSync(join(stateDir, '.env'), 'AUTOCACHE_LIMIT=123GiB\n');
  const { code, out } = await runCli(['config'], { stateDir, cwd: stateDir });
  expect(code).toBe(0);
  expect(out).toMatch(/AUTOCACHE_LIMIT \* +123GiB/);
  expect(out).toContain('note: the daemon is not running; it will start with these settings');
  expect((await runCli(['config', 'AUTOCACHE_LIMIT=1GiB'], { stateDir, cwd: stateDir })).code).toBe(3);
});
