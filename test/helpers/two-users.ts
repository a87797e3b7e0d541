import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { program } from './daemon-process.ts';
import { tempDir } from './temp-dir.ts';

export const [daemonUser, comfyuiUser, stranger] = [54_321, 54_322, 54_323];
export const group = 54_320;
/** Of a member of the group who says that it trusts the other user. */
export const environment = { PATH: process.env['PATH'] ?? '', AUTOCACHE_GROUP: String(group) };

/** Only the system's own user may become others. */
export const isRoot = process.geteuid?.() === 0;

interface SharedDaemon {
  /** Holds all of it; the models lie in `models`. */
  dir: string;
  state: string;
  cache: string;
  end(): Promise<void>;
}

/**
 * Starts a daemon as a user of its own that shares with the group; it ends with the test.
 * @param umask of its shell, in octal digits
 * @param dir that of an earlier one
 */
export async function startShared(umask: string, more: Record<string, string> = {}, dir = tempDir()): Promise<SharedDaemon> {
  chmodSync(dir, 0o755);
  const home = join(dir, 'home');
  mkdirSync(home, { recursive: true });
  chownSync(home, daemonUser, daemonUser);
  mkdirSync(join(dir, 'models'), { recursive: true });
  const [state, cache] = [join(home, 'state'), join(home, 'cache')];
  const settings = {
    ...{ HOME: home, AUTOCACHE_STATE: state, AUTOCACHE_DIR: cache, AUTOCACHE_ROOTS: `${join(dir, 'models')}=hdd` },
    ...{ AUTOCACHE_LISTEN: '127.0.0.1:0', AUTOCACHE_MIN_SIZE: '1', AUTOCACHE_MIN_FREE: '1', AUTOCACHE_LOG: 'error' },
    ...more,
  };
  // `setpriv` gives the daemon the group besides its own; the number of the other user's group is that one.
  const asDaemon = ['--reuid', String(daemonUser), '--regid', String(daemonUser), '--groups', String(group)];
  const words = [`umask ${umask} && exec setpriv "$@"`, 'sh', ...asDaemon, process.execPath, program, 'start'];
  const child = spawn('sh', ['-c', ...words], {
    cwd: dir,
    env: { ...environment, ...settings },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const end = async () => {
    child.kill();
    if (child.exitCode === null) await once(child, 'exit');
  };
  onTestFinished(async () => {
    await end();
    rmSync(dir, { recursive: true, force: true });
  });
  await once(child.stdout, 'data');
  return { dir, state, cache, end };
}
