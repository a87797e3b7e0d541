import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { Client } from '../../src/cli/client.ts';
import { mallocTunables } from '../../src/runtime/huge-pages.ts';
import { isBuilt } from './built.ts';
import { tempDir } from './temp-dir.ts';

/** `npm run test:full` names the built program. */
const tested = isBuilt ? 'dist/bin/autocached.js' : 'bin/autocached.ts';
export const program = fileURLToPath(new URL(`../../${process.env['TESTED_PROGRAM'] ?? tested}`, import.meta.url));

export interface DaemonProcess {
  dir: string;
  stateDir: string;
  cacheDir: string;
  child: ChildProcess;
  client: Client;
}

export interface StartOptions {
  /** Its folder with state and cache; default: a new one. */
  dir?: string;
  settings: Record<string, string>;
  /** Options of Node itself. */
  nodeOptions?: string;
  environment?: NodeJS.ProcessEnv;
  /** Who ends it; default: the end of the test. */
  atEnd?: (end: () => Promise<void>) => void;
}

/** The whole program in a separate process, ended when the test ends. @throws when it never answers. */
export async function startDaemonProcess(options: StartOptions): Promise<DaemonProcess> {
  const dir = options.dir ?? tempDir();
  const stateDir = options.settings['AUTOCACHE_STATE'] ?? join(dir, 'state');
  const cacheDir = options.settings['AUTOCACHE_DIR'] ?? join(dir, 'cache');
  const child = spawn(process.execPath, [program, 'start'], {
    cwd: dir,
    env: {
      PATH: process.env['PATH'] ?? '',
      NODE_COMPILE_CACHE: process.env['NODE_COMPILE_CACHE'] ?? '',
      GLIBC_TUNABLES: mallocTunables,
      HOME: dir,
      AUTOCACHE_DIR: cacheDir,
      AUTOCACHE_STATE: stateDir,
      AUTOCACHE_LISTEN: '127.0.0.1:0',
      AUTOCACHE_MIN_FREE: '1%',
      AUTOCACHE_MIN_SIZE: '1KiB',
      AUTOCACHE_LOG: 'error',
      NODE_OPTIONS: options.nodeOptions ?? '',
      ...options.settings,
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const { atEnd = onTestFinished } = options;
  atEnd(() => endDaemonProcess(child));
  const ended = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the daemon ended before it answered (${signal ?? code})`);
  });
  await Promise.race([once(child.stdout, 'data'), ended]);
  ended.catch(() => {});
  child.stdout.resume();
  return { dir, stateDir, cacheDir, child, client: await Client.find(stateDir) };
}

export async function endDaemonProcess(child: ChildProcess, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
