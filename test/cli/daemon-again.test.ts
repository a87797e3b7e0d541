import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { tempDir } from '../helpers/temp-dir.ts';
import { startFakeDaemon } from './fake-daemon.ts';
import { runCli } from './run-cli.ts';

/** A unit that is there, and a systemctl whose `restart` does what `script` says. */
function serviceOf(home: string, script: string): void {
  const unit = join(home, '.config/systemd/user/autocached.service');
  const systemctl = join(home, 'bin/systemctl');
  for (const [file, text] of [
    [unit, '[Service]\n'],
    [systemctl, `#!/bin/sh\necho "$*" >> ${home}/told\n[ "$2" != restart ] || { ${script}; }\n`],
  ] as const) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  chmodSync(systemctl, 0o755);
  vi.stubEnv('HOME', home);
  vi.stubEnv('PATH', `${join(home, 'bin')}:/usr/bin:/bin`);
  onTestFinished(() => void vi.unstubAllEnvs());
}

describe.runIf(process.platform === 'linux')('a daemon that is run by a service', () => {
  const routes = {
    'GET /api/cache/config': () => ({ settings: [], notices: [] }),
    'GET /api/cache/stats': () => ({ tiers: [], roots: [], dir: '/cache', mode: 'read-write', accounting: null }),
  };

  test('is restarted by it, and its next process is waited for', async () => {
    await using daemon = await startFakeDaemon(routes);
    const home = tempDir();
    serviceOf(home, `sed -i s/4711/4712/ ${daemon.stateDir}/daemon.json`);
    const { code, out } = await runCli(['restart'], {
      stateDir: daemon.stateDir,
      cwd: home,
      self: ['/usr/bin/node', '/opt/a.js'],
    });
    expect(code).toBe(0);
    expect(out).toContain('4712');
    expect(out).toContain('its log: journalctl --user -u autocached.service');
    const told = readFileSync(join(home, 'told'), 'utf8').trim().split('\n');
    expect(told).toEqual(['--user is-active autocached.service', '--user restart autocached.service']);
    expect(daemon.asked.map(({ key }) => key)).not.toContain('POST /api/shutdown');
  });

  test('keeps its options: others are refused, and it goes on', async () => {
    await using daemon = await startFakeDaemon(routes);
    const home = tempDir();
    serviceOf(home, 'true');
    const { code, err } = await runCli(['restart', '--limit', '5GiB'], { stateDir: daemon.stateDir, cwd: home });
    expect(code).not.toBe(0);
    expect(err).toContain('the daemon is a service (systemd, for this user) and has its options from');
    expect(readFileSync(join(home, 'told'), 'utf8')).not.toContain('restart');
  });
});
