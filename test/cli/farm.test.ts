import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { FarmAnswer } from '../../src/api/farm.ts';
import { farmFindings } from '../../src/cli/doctor/farm-checks.ts';
import { farmPage, locatePage } from '../../src/cli/text/farm-page.ts';
import { widthOf } from '../../src/cli/text/fit.ts';
import { loadConfig } from '../../src/config/config.ts';
import { codeOf } from '../../src/farm/farm-key.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { runCli } from './run-cli.ts';

const GiB = 2 ** 30;
const look = (width: number | null) => ({ width, paint: (_: unknown, text: string) => text });

/** A user of a machine without settings. */
function newHost() {
  const home = tempDir();
  const stateDir = join(home, 'state');
  const enter = () => {
    vi.stubEnv('HOME', home);
    vi.stubEnv('XDG_CONFIG_HOME', join(home, 'config'));
    vi.stubEnv('APPDATA', join(home, 'config'));
  };
  const cli = (...args: string[]) => {
    enter();
    return runCli(args, { stateDir, cwd: home });
  };
  const configFile = join(home, 'config', 'autocached', 'config.env');
  const config = () =>
    loadConfig({ cwd: home, home, env: { XDG_CONFIG_HOME: join(home, 'config'), AUTOCACHE_STATE: stateDir } });
  return { cli, stateDir, config, configFile, key: join(stateDir, 'farm.key') };
}

async function init(host: ReturnType<typeof newHost>, ...more: string[]) {
  const { out, code } = await host.cli('farm', 'init', '--json', ...more);
  expect(code).toBe(0);
  return JSON.parse(out);
}

describe.skipIf(process.platform === 'win32')('a farm of two hosts', () => {
  test('farm init makes a key and prints the command that takes the second host into the farm', async () => {
    const [first, second] = [newHost(), newHost()];
    const page = await first.cli('farm', 'init', '--redis', 'redis://10.0.0.5:6379', '--name', 'studio');
    expect(page.code).toBe(0);
    expect(statSync(first.key).mode & 0o777).toBe(0o600);
    expect(readFileSync(first.key)).toHaveLength(32);
    expect(first.config().config).toMatchObject({ farm: { nodes: [{ host: '10.0.0.5', port: 6379 }] }, farmName: 'studio' });
    const [, command = ''] = /autocached (farm join .*)/.exec(page.out) ?? [];
    expect(command).toBe(`farm join ${codeOf(readFileSync(first.key))} --redis 'redis://10.0.0.5:6379' --name studio`);
    const joined = await second.cli(...command.replaceAll("'", '').split(' '));
    expect(joined.code).toBe(0);
    expect(readFileSync(second.key).equals(readFileSync(first.key))).toBe(true);
    expect(statSync(second.key).mode & 0o777).toBe(0o600);
    expect(second.config().config).toMatchObject({ farm: { nodes: [{ host: '10.0.0.5' }] }, farmName: 'studio' });
  });

  test('a second farm init shows the same command, and makes no other key', async () => {
    const host = newHost();
    const once = await init(host, '--redis', 'redis://10.0.0.5:6379');
    const key = readFileSync(host.key);
    expect(await init(host)).toEqual({ ...once, made: false });
    expect(readFileSync(host.key).equals(key)).toBe(true);
  });

  test('a Redis on this machine is named as the other hosts reach it, and its password is shown nowhere', async () => {
    const host = newHost();
    const { join: command } = await init(host, '--redis', 'redis://:hunter2@127.0.0.1:6379');
    expect(command).toMatch(/--redis 'redis:\/\/\*\*\*@[\d.]+:6379'$/);
    const { out } = await host.cli('farm', 'init');
    expect(out).not.toContain('hunter2');
    expect(out).toContain('in the place of ***');
    expect(host.config().config.farm?.password).toBe('hunter2');
  });

  test('the printed line, run without putting the password into it, changes nothing and says so', async () => {
    const [first, second] = [newHost(), newHost()];
    const page = await first.cli('farm', 'init', '--redis', 'redis://:hunter2@10.0.0.5:6379');
    const [, command = ''] = /autocached (farm join .*)/.exec(page.out) ?? [];
    expect(command).toContain('***');
    const joined = await second.cli(...command.replaceAll("'", '').split(' '));
    expect(joined).toMatchObject({
      code: 2,
      err: expect.stringContaining('put the user and password of the Redis in the place'),
    });
    expect(existsSync(second.key)).toBe(false);
    expect(existsSync(second.configFile)).toBe(false);
  });

  test('without a Redis, it says what is missing', async () => {
    const host = newHost();
    expect((await host.cli('farm', 'init')).out).toContain('farm init --redis redis://');
    expect((await host.cli('farm', 'init', '--redis', 'http://hunter2@a')).err).toMatch(
      /^autocached: --redis: expected an address/,
    );
  });

  test('a code that is not whole is refused, one of another farm never takes the place of a key', async () => {
    const [host, other] = [newHost(), newHost()];
    const { code } = await init(host);
    const damaged = await other.cli('farm', 'join', code.slice(0, -1));
    expect(damaged.code).toBe(2);
    expect(damaged.err).not.toContain(code.slice(10, 40));
    expect(existsSync(other.key)).toBe(false);
    const { code: second } = await init(other);
    const refused = await host.cli('farm', 'join', second);
    expect(refused.code).toBe(1);
    expect(refused.err).toContain('this host is in a farm');
    expect(codeOf(readFileSync(host.key))).toBe(code);
    expect((await host.cli('farm', 'join', code)).out).toContain('has this key already');
  });

  test('farm leave shows what goes, and asks; a setting elsewhere keeps the key', async () => {
    const host = newHost();
    await init(host, '--redis', 'redis://10.0.0.5:6379');
    const shown = await host.cli('farm', 'leave', '--dry-run');
    expect(shown.out).toContain(host.key);
    expect(shown.out).toContain('AUTOCACHE_FARM=redis://10.0.0.5:6379, which becomes off');
    const nobody = await host.cli('farm', 'leave');
    expect(nobody.err).toContain(`nobody to ask here:\n  would be taken away:\n    the key ${host.key};`);
    expect(existsSync(host.key)).toBe(true);
    vi.stubEnv('AUTOCACHE_FARM', 'redis://elsewhere');
    expect((await host.cli('farm', 'leave', '--yes')).err).toContain('AUTOCACHE_FARM is set in environment');
    vi.stubEnv('AUTOCACHE_FARM', undefined);
    expect(existsSync(host.key)).toBe(true);
    expect((await host.cli('farm', 'leave', '--yes')).code).toBe(0);
    expect(existsSync(host.key)).toBe(false);
    expect(host.config().config.farm).toBeNull();
    expect((await host.cli('farm', 'leave')).out).toContain('in no farm');
  });
});

const host = {
  ...{ host: 'gpu-with-a-name-that-is-long-0a1b', url: 'https://192.168.178.101:8390', version: '0.2.0', limit: 200 * GiB },
  ...{ originBytes: 100 * GiB, receivedBytes: 50 * GiB, givenBytes: 0, isThis: true, isUnderstood: true },
};
const farm: FarmAnswer = {
  ...{ on: true, name: 'studio', host: host.host, url: host.url, directory: { state: 'up', why: null } },
  hosts: [host, { ...host, host: 'gpu2', url: null, isThis: false, receivedBytes: 250 * GiB }],
  contents: [{ path: '/m/sdxl.safetensors', content: 'c', size: GiB, chunks: 128, has: 64, hosts: [{ host: 'gpu2', has: 1 }] }],
  figures: { originBytes: 0, receivedBytes: 0, givenBytes: 0 },
  claims: { claimed: 0, none: 0, full: 0 },
  peerErrors: { silent: 0, lied: 0, refused: 0, gone: 0 },
  shared: null,
};

describe('the pages of a farm', () => {
  test('hosts, what they have read, and what is on its way, in 80 columns', () => {
    const page = farmPage(farm, look(80));
    expect(Math.max(...page.split('\n').map(widthOf))).toBeLessThanOrEqual(80);
    expect(page).toContain('Farm studio: 2 hosts; Redis up');
    expect(page).toMatch(/gpu2 +takes only +100 GiB +250 GiB +0 B +0\.2\.0/);
    expect(page).toContain('from origins 200 GiB, from other hosts 300 GiB (60 %)');
    expect(page).toMatch(/sdxl\.safetensors +1 GiB +50 % +1 host/);
  });

  test('a Redis that is away is told, with what is known from before; so is a host without a farm', () => {
    const away = { ...farm, directory: { state: 'away', why: 'no connection: ECONNREFUSED' } as const };
    expect(farmPage(away, look(80))).toContain('2 hosts, as known before; Redis away: no connection: ECONNREFUSED');
    expect(farmPage({ ...farm, on: false, hosts: [], contents: [] }, look(80))).toContain('in no farm');
  });

  test('where a file is', () => {
    const found = {
      path: '/m/a.safetensors',
      content: 'c',
      size: GiB,
      chunks: 128,
      hosts: [{ host: 'gpu2', has: 32 }],
      shared: true,
    };
    expect(locatePage(found, look(80))).toMatch(/a\.safetensors, 1 GiB\n.*\ngpu2 +25 % +32 of 128\nThe shared store has it\./);
    const nowhere = { ...found, content: null, hosts: [], shared: null };
    expect(locatePage(nowhere, look(80))).toContain('No host is known to have it.');
  });
});

describe('doctor on a farm', () => {
  const configOf = (env: Record<string, string>) => loadConfig({ env, cwd: '/', home: tempDir() }).config;

  test('a missing key and a Redis that does not answer are told, each with its remedy', async () => {
    const findings = await farmFindings(configOf({ AUTOCACHE_FARM: 'redis://127.0.0.1:1', AUTOCACHE_STATE: tempDir() }));
    expect(findings).toMatchObject([
      { verdict: 'fail', says: expect.stringContaining('farm.key does not exist'), todo: expect.stringContaining('farm init') },
      { verdict: 'fail', says: expect.stringContaining('the Redis of the farm cannot be asked: no connection') },
    ]);
  });

  test.skipIf(noRedis !== null)(`what is well is told too${leftOut}`, async () => {
    const [redis, dir] = [await startRedis(), tempDir()];
    writeFileSync(join(dir, 'farm.key'), Buffer.alloc(32, 1), { mode: 0o600 });
    const env = { AUTOCACHE_FARM: redis.url, AUTOCACHE_STATE: dir, AUTOCACHE_FARM_LISTEN: '127.0.0.1:1' };
    expect(await farmFindings(configOf(env))).toMatchObject([
      { verdict: 'ok', says: expect.stringContaining('readable by this user only') },
      { verdict: 'ok', says: expect.stringContaining('the Redis of the farm answers') },
      { verdict: 'warn', says: expect.stringContaining('other hosts cannot reach https://127.0.0.1:1') },
    ]);
    const chosen = await farmFindings(configOf({ ...env, AUTOCACHE_FARM_LISTEN: '192.0.2.1:0' }));
    expect(chosen[2]).toMatchObject({ verdict: 'ok', says: expect.stringContaining('the system chooses the port') });
    await redis.cli('config', 'set', 'maxmemory', '1');
    const [, full] = await farmFindings(configOf(env));
    expect(full).toMatchObject({
      verdict: 'fail',
      says: expect.stringContaining('OOM'),
      todo: expect.stringContaining('maxmemory'),
    });
  });
});
