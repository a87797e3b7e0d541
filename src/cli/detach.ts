import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../config/config.ts';
import { keys } from '../config/keys.ts';
import { CacheError } from '../core/errors.ts';
import { daemonLogName } from '../runtime/log.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import { Client } from './client.ts';
import { poll } from './poll.ts';

const longestMs = 60_000;
const logLines = 15;

interface Detached {
  /** The command line that runs this program. */
  self: string[];
  flags: Record<string, string>;
  cwd: string;
}

/**
 * Starts the daemon as a process of its own, its output in `daemon.log` of the state directory, and waits until it answers.
 * @throws CacheError BAD_CONFIG at once; INTERNAL with the end of the log when the daemon ends or stays silent for a minute.
 */
export async function startDetached({ self, flags, cwd }: Detached): Promise<{ client: Client; log: string }> {
  const { config, environment } = loadConfig({ cwd, flags });
  const { stateDir } = config;
  makeDirectory(stateDir, keys.stateDir.name, 0o700);
  const logPath = join(stateDir, daemonLogName);
  const { O_APPEND, O_CREAT, O_WRONLY, O_NOFOLLOW = 0 } = constants;
  const log = await open(logPath, O_APPEND | O_CREAT | O_WRONLY | O_NOFOLLOW, 0o600);
  const { size: logStart } = await log.stat();
  try {
    const child = await spawned([...self, 'start', ...asArguments(flags)], { cwd, output: log.fd, env: environment });
    const client = await poll(longestMs, async () => (hasEnded(child) ? 'ended' : await answering(stateDir, child)));
    if (client instanceof Client) return { client, log: logPath };
    const what = client === 'ended' ? 'the daemon did not start' : `the daemon (pid ${child.pid}) does not answer yet`;
    throw new CacheError('INTERNAL', `${what}; the end of ${logPath}:`, { lines: await tail(logPath, logStart) });
  } finally {
    await log.close();
  }
}

async function spawned(
  [program = '', ...args]: string[],
  { cwd, output, env }: { cwd: string; output: number; env: NodeJS.ProcessEnv },
): Promise<ChildProcess> {
  const child = spawn(program, args, { cwd, env, detached: true, windowsHide: true, stdio: ['ignore', output, output] });
  await once(child, 'spawn');
  child.unref();
  return child;
}

function asArguments(flags: Record<string, string>): string[] {
  return Object.entries(flags).flatMap(([key, value]) => ['--set', `${key}=${value}`]);
}

function hasEnded({ exitCode, signalCode }: ChildProcess): boolean {
  return exitCode !== null || signalCode !== null;
}

/** The client of the daemon in this child; the state directory may still name an older one. */
async function answering(stateDir: string, child: ChildProcess): Promise<Client | null> {
  const client = await Client.find(stateDir).catch(() => null);
  if (client?.daemon.pid !== child.pid) return null;
  return (await client?.healthy().catch(() => false)) ? client : null;
}

async function tail(path: string, start: number): Promise<string[]> {
  const bytes = await readFile(path);
  // Shorter than before: the old log has been put aside.
  const text = bytes
    .subarray(bytes.length < start ? 0 : start)
    .toString()
    .trimEnd();
  return text.split('\n').slice(-logLines);
}
