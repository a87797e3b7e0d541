import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { differenceOf } from '../../../src/cli/service/difference.ts';
import { runCli } from '../run-cli.ts';

let home: string;
let unit: string;
/** What the stand-in for systemctl was told, one line for each call. */
const told = () => (existsSync(join(home, 'told')) ? readFileSync(join(home, 'told'), 'utf8').trim().split('\n') : []);
const self = ['/usr/bin/node', '/opt/autocached.js'];
const service = (words: string[], more: { interactive?: boolean; input?: string; cwd?: string } = {}) =>
  runCli(['service', ...words], { self, cwd: home, ...more });

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'autocached-service-'));
  unit = join(home, '.config/systemd/user/autocached.service');
  mkdirSync(join(home, 'bin'));
  systemctl('exit 0');
  vi.stubEnv('HOME', home);
  vi.stubEnv('PATH', `${join(home, 'bin')}:/usr/bin:/bin`);
  for (const name of ['XDG_CONFIG_HOME', 'XDG_STATE_HOME', 'XDG_CACHE_HOME']) vi.stubEnv(name, undefined);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(home, { recursive: true });
});

/** A stand-in for systemctl: no systemd runs where tests run. */
function systemctl(script: string): void {
  const file = join(home, 'bin', 'systemctl');
  writeFileSync(file, `#!/bin/sh\necho "$*" >> ${home}/told\n${script}\n`);
  chmodSync(file, 0o755);
}

describe.runIf(process.platform === 'linux')('service install', () => {
  test('--dry-run prints unit and commands and changes nothing', async () => {
    const { code, out } = await service(['install', '--dry-run']);
    expect(code).toBe(0);
    expect(out).toContain(`write ${unit}:`);
    expect(out).toContain('\nExecStart=/usr/bin/node /opt/autocached.js start\n');
    expect(out).toContain('$ systemctl --user enable autocached.service');
    expect(existsSync(unit)).toBe(false);
    expect(told()).toEqual([]);
  });

  test('writes the unit and starts it; the same again asks nothing', async () => {
    for (const _ of [1, 2]) expect((await service(['install'])).code).toBe(0);
    expect(readFileSync(unit, 'utf8')).toContain('Type=notify');
    expect(told().slice(0, 3)).toEqual([
      '--user daemon-reload',
      '--user enable autocached.service',
      '--user restart autocached.service',
    ]);
  });

  test('shows what is there before it is replaced, and leaves it when nobody agrees', async () => {
    await service(['install']);
    const mine = readFileSync(unit, 'utf8').replace('RestartSec=5s', 'RestartSec=90s');
    writeFileSync(unit, mine);
    const unasked = await service(['install']);
    expect(unasked.code).toBe(2);
    expect(unasked.err).toContain('- RestartSec=90s\n+ RestartSec=5s');
    expect(await service(['install'], { interactive: true, input: 'n\n' })).toMatchObject({
      code: 1,
      out: 'nothing changed\n',
    });
    expect(readFileSync(unit, 'utf8')).toBe(mine);
    expect((await service(['install', '--yes'])).code).toBe(0);
    expect(readFileSync(unit, 'utf8')).toContain('RestartSec=5s');
  });

  test('says which settings the service will not see', async () => {
    const elsewhere = join(home, 'elsewhere');
    mkdirSync(elsewhere);
    writeFileSync(join(elsewhere, '.env'), 'AUTOCACHE_ROOTS=/mnt/nas\n');
    const { out } = await service(['install', '--dry-run'], { cwd: elsewhere });
    expect(out).toContain(`The service does not see AUTOCACHE_ROOTS (${elsewhere}/.env); put what it needs into`);
  });

  test('a state directory of one is passed on, for the daemon has to be found there', async () => {
    const { out } = await service(['install', '--dry-run', '--state', join(home, 'mine')]);
    expect(out).toContain(`ExecStart=/usr/bin/node /opt/autocached.js --state ${home}/mine start`);
  });

  test('wrong settings are told instead of a service that never starts', async () => {
    mkdirSync(join(home, '.config/autocached'), { recursive: true });
    writeFileSync(join(home, '.config/autocached/config.env'), 'AUTOCACHE_LIMIT=much\n');
    const { code, err } = await service(['install']);
    expect(code).toBe(2);
    expect(err).toContain('AUTOCACHE_LIMIT');
    expect(existsSync(unit)).toBe(false);
  });

  test('without systemd, and with one that refuses, the reason is told', async () => {
    systemctl('echo "Failed to connect to bus" >&2; exit 1');
    expect((await service(['install'])).err).toContain('systemctl --user daemon-reload: Failed to connect to bus');
    vi.stubEnv('PATH', join(home, 'nothing'));
    expect((await service(['install'])).err).toContain('this machine has no systemctl');
  });

  test('of the machine it runs as the user that is named, never as root unasked', async () => {
    vi.stubEnv('SUDO_USER', undefined);
    const { out } = await service(['install', '--system', '--as', 'nobody', '--dry-run']);
    expect(out).toContain('\nUser=nobody\n');
    expect(await service(['install', '--system', '--as', 'no-such-user', '--dry-run'])).toMatchObject({ code: 2 });
    if (process.getuid?.() === 0) expect((await service(['install', '--system', '--dry-run'])).err).toContain('which user');
    expect((await service(['install', '--as', 'nobody'])).code).toBe(2);
  });
});

describe.runIf(process.platform === 'linux')('service status and uninstall', () => {
  test('tell whether it is installed and runs', async () => {
    expect(await service(['status'])).toMatchObject({ code: 3, out: expect.stringContaining('not installed') });
    await service(['install']);
    expect(await service(['status'])).toMatchObject({ code: 0, out: expect.stringContaining('up to date, running') });
    writeFileSync(unit, readFileSync(unit, 'utf8').replace('KillMode=mixed\n', ''));
    expect((await service(['status'])).out).toContain('+ KillMode=mixed');
    systemctl('exit 3');
    expect((await service(['status', '--json'])).out).toContain('"running": false');
  });

  test('remove what install wrote, and nothing where there is nothing', async () => {
    for (const words of [['uninstall'], ['uninstall', '--dry-run']])
      expect(await service(words)).toMatchObject({ code: 0, out: expect.stringContaining('not installed') });
    await service(['install']);
    await service(['uninstall', '--dry-run']);
    expect(existsSync(unit)).toBe(true);
    expect((await service(['uninstall'])).code).toBe(0);
    expect(existsSync(unit)).toBe(false);
    expect(told().slice(-2)).toEqual(['--user disable --now autocached.service', '--user daemon-reload']);
  });
});

test('differenceOf shows lines that went, came and stayed', () => {
  expect(differenceOf('a\nb\nc\n', 'a\nx\nc\nd\n')).toEqual(['  a', '- b', '+ x', '  c', '+ d']);
  expect(differenceOf('', 'a')).toEqual(['- ', '+ a']);
});
