import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { startDaemonProcess } from '../helpers/daemon-process.ts';
import { runCli } from './run-cli.ts';

afterEach(() => vi.unstubAllEnvs());

/** A daemon in a process of its own, and the environment of its user, which does not say where its state is. */
async function daemonElsewhere() {
  const daemon = await startDaemonProcess({ settings: {} });
  for (const key of ['XDG_STATE_HOME', 'XDG_CONFIG_HOME', 'AUTOCACHE_STATE']) vi.stubEnv(key, undefined);
  vi.stubEnv('HOME', daemon.dir);
  return daemon;
}

describe('a daemon whose state is not in the usual directory', () => {
  test('is found by commands all the same, and they say which it is', async () => {
    const { stateDir, child } = await daemonElsewhere();
    const { code, out, err } = await runCli(['status'], { columns: 80 });
    expect({ code, err }).toEqual({ code: 0, err: `autocached: the daemon of ${stateDir}\n` });
    expect(out).toContain(`pid ${child.pid}`);
    expect(JSON.parse((await runCli(['status', '--json'])).out)).toMatchObject({ pid: child.pid });
  });

  test('is named when the environment says another place', async () => {
    const { stateDir, dir } = await daemonElsewhere();
    vi.stubEnv('AUTOCACHE_STATE', join(dir, 'other'));
    expect(await runCli(['status'])).toMatchObject({
      code: 3,
      err: `autocached: no daemon has its state in ${join(dir, 'other')} (environment)\n  hint: --state ${stateDir} finds the one that runs\n`,
    });
  });
});

test.runIf(process.platform === 'linux')(
  'stop of a daemon that has no address names the process that holds the lock',
  async () => {
    const { stateDir, cacheDir, child, dir } = await daemonElsewhere();
    rmSync(join(stateDir, 'daemon.json'));
    const { code, err } = await runCli(['stop'], { stateDir });
    expect(code).toBe(3);
    expect(err).toContain(`the daemon (pid ${child.pid}) does not answer: it is starting or stopping`);
    expect(err).toContain(`kill -9 ${child.pid}`);
    const settings = ['--dir', cacheDir, '--listen', '127.0.0.1:0'];
    const other = await runCli(['start', ...settings], { stateDir: join(dir, 'other'), cwd: dir });
    expect(other.err).toContain(`another autocached (pid ${child.pid}) is using the cache directory`);
  },
);
