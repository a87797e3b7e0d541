import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { PassThrough } from 'node:stream';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { runningDaemon, startAgain } from '../../../src/cli/upgrade/daemon-again.ts';
import { tempDir } from '../../helpers/temp-dir.ts';
import { startFakeDaemon } from '../fake-daemon.ts';

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
  test('is restarted by it, and its next process is waited for', async () => {
    await using daemon = await startFakeDaemon({ 'GET /api/cache/config': () => ({ settings: [] }) });
    const home = tempDir();
    serviceOf(home, `sed -i s/4711/4712/ ${daemon.stateDir}/daemon.json`);
    const screen = new PassThrough();
    const session = {
      ...{ out: screen, err: screen, in: screen, cwd: home, json: false },
      ...{ self: ['/usr/bin/node', '/opt/a.js'], signals: process, unread: new AbortController().signal },
      stateFlag: daemon.stateDir,
    };
    const running = await runningDaemon(session);
    expect(running?.service?.manager).toBe('systemd, for this user');
    if (running) expect((await startAgain(session, running)).daemon.pid).toBe(4712);
    const told = readFileSync(join(home, 'told'), 'utf8').trim().split('\n');
    expect(told).toEqual(['--user is-active autocached.service', '--user restart autocached.service']);
  });
});
