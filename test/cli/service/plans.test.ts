import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { servicePlan } from '../../../src/cli/service/managers.ts';
import type { ServiceFacts, ServicePlatform } from '../../../src/cli/service/plan.ts';

const dir = mkdtempSync(join(tmpdir(), 'autocached-service-'));
afterAll(() => rmSync(dir, { recursive: true }));

const has = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;
const systemd = has('systemd-analyze', '--version');
const xmllint = has('xmllint', '--version');

const unusual = '/opt/my "nodes"/100%/$HOME/a&b<c>';

function facts(platform: ServicePlatform, changes: Partial<ServiceFacts> = {}): ServiceFacts {
  const windows = platform === 'win32';
  return {
    platform,
    system: false,
    command: windows
      ? ['C:\\Program Files\\nodejs\\node.exe', 'C:\\Users\\me\\npm\\autocached.js', 'start']
      : [process.execPath, '/opt/autocached/dist/bin/autocached.js', 'start'],
    user: { name: 'me', id: 501, home: windows ? 'C:\\Users\\me' : '/home/me' },
    stateDir: windows ? 'C:\\Users\\me\\AppData\\Local\\autocached\\State' : '/home/me/.local/state/autocached',
    writable: ['/home/me/.local/state/autocached', '/mnt/ssd/cache'],
    ...changes,
  };
}

function systemdSays(text: string, ...words: string[]): { status: number | null; said: string } {
  const unit = join(dir, 'autocached.service');
  writeFileSync(unit, text);
  const { status, stdout, stderr } = spawnSync('systemd-analyze', [...words, unit], {
    encoding: 'utf8',
    env: { ...process.env, XDG_RUNTIME_DIR: dir },
  });
  return { status, said: `${stdout}${stderr}` };
}

describe('systemd', () => {
  test.skipIf(!systemd)('finds nothing wrong in the unit of a user', () => {
    expect(systemdSays(servicePlan(facts('linux')).text, 'verify', '--user')).toEqual({ status: 0, said: '' });
  });

  test.skipIf(!systemd)('finds nothing wrong in the unit of the machine, and takes it for well protected', () => {
    const { text } = servicePlan(facts('linux', { system: true }));
    expect(systemdSays(text, 'verify')).toEqual({ status: 0, said: '' });
    // 10.0 is a service without any protection; in tenths.
    expect(systemdSays(text, 'security', '--offline=yes', '--threshold=30')).toMatchObject({ status: 0 });
  });

  test.skipIf(!systemd)('reads a path with quotes, dollars and percent signs as it was meant', () => {
    const { text } = servicePlan(facts('linux', { command: [process.execPath, unusual, 'start'] }));
    expect(systemdSays(text, 'verify', '--user')).toEqual({ status: 0, said: '' });
    expect(text).toContain(String.raw`"/opt/my \"nodes\"/100%%/$$HOME/a&b<c>" start`);
  });

  test('a service of the machine runs as the user and may write to the directories of the daemon only', () => {
    const { text, prepare, file } = servicePlan(facts('linux', { system: true }));
    expect(file).toBe('/etc/systemd/system/autocached.service');
    expect(text).toContain('\nUser=me\n');
    expect(text).toContain('\nProtectSystem=strict\nReadWritePaths=/home/me/.local/state/autocached /mnt/ssd/cache\n');
    expect(prepare).toEqual([
      ['runuser', '-u', 'me', '--', 'mkdir', '-p', '/home/me/.local/state/autocached', '/mnt/ssd/cache'],
    ]);
  });

  test('a daemon that hangs is started again, one with wrong settings is not', () => {
    for (const system of [false, true]) {
      const { text } = servicePlan(facts('linux', { system }));
      expect(text).toMatch(/^Type=notify$/m);
      expect(text).toMatch(/^WatchdogSec=/m);
      expect(text).toMatch(/^NoNewPrivileges=yes$/m);
      expect(text).toMatch(/^Restart=on-failure$/m);
      expect(text).toMatch(/^RestartPreventExitStatus=2$/m);
    }
  });

  test('a path with a line break is refused, for it would add settings to the unit', () => {
    expect(() => servicePlan(facts('linux', { command: ['/a\nExecStartPre=/bin/evil', 'start'] }))).toThrow(
      'control character',
    );
  });
});

function parsedXml(text: string): string {
  const file = join(dir, 'service.xml');
  // The declaration of UTF-16 is true of the file that is written for Windows.
  writeFileSync(file, text.replace('encoding="UTF-16"', 'encoding="UTF-8"'));
  return execFileSync('xmllint', ['--nonet', '--nowarning', file], { encoding: 'utf8' });
}

describe('launchd', () => {
  test.each([
    [false, '/home/me/Library/LaunchAgents/autocached.plist', 'gui/501'],
    [true, '/Library/LaunchDaemons/autocached.plist', 'system'],
  ])('system: %s', (system, file, domain) => {
    const plan = servicePlan(facts('darwin', { system }));
    expect(plan.file).toBe(file);
    expect(plan.install.map(({ command }) => command)).toEqual([
      ['launchctl', 'bootout', `${domain}/autocached`],
      ['launchctl', 'bootstrap', domain, file],
    ]);
    expect(plan.text).toContain('<string>start</string>\n  </array>');
    expect(plan.text).toContain('<string>/home/me/.local/state/autocached/daemon.log</string>');
  });

  test.skipIf(!xmllint)('a path with any characters stays one argument', () => {
    const { text } = servicePlan(facts('darwin', { command: ['/usr/bin/node', unusual, 'start'] }));
    expect(parsedXml(text)).toContain('<string>/opt/my "nodes"/100%/$HOME/a&amp;b&lt;c&gt;</string>');
  });
});

describe('the task scheduler of Windows', () => {
  test.skipIf(!xmllint)('runs the daemon without a window, with its output in the log', () => {
    const plan = servicePlan(facts('win32'));
    expect(parsedXml(plan.text)).toContain(
      '<Arguments>--headless %SystemRoot%\\System32\\cmd.exe /d /c ""C:\\Program Files\\nodejs\\node.exe" ' +
        'C:\\Users\\me\\npm\\autocached.js start &gt;&gt; C:\\Users\\me\\AppData\\Local\\autocached\\State\\daemon.log 2&gt;&amp;1"</Arguments>',
    );
    expect(plan.file).toBe('C:\\Users\\me\\AppData\\Local\\autocached\\State\\service-task.xml');
    expect(plan.install.map(({ command }) => command.slice(0, 2).join(' '))).toEqual([
      'schtasks /End',
      'schtasks /Create',
      'schtasks /Run',
    ]);
  });

  test('never ends it for its time, or for a battery', () => {
    const { text } = servicePlan(facts('win32'));
    expect(text).toContain('<ExecutionTimeLimit>PT0S</ExecutionTimeLimit>');
    expect(text).toContain('<StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>');
    expect(text).toMatch(/<LogonTrigger>.*<UserId>me<\/UserId>/);
  });

  test('one that starts with Windows says that it reads no network share', () => {
    const { text, notes } = servicePlan(facts('win32', { system: true }));
    expect(text).toContain('<BootTrigger>');
    expect(text).toContain('<LogonType>S4U</LogonType>');
    expect(notes.join()).toContain('network share');
  });
});
