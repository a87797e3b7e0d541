import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from './errnos.ts';
import { isZombie } from './processes.ts';

export const lockName = 'autocached.lock';
const pidName = 'autocached.pid';

/** Notes this process as the holder of a directory's lock, if the system does not report holders. */
export function noteHolder(dir: string): void {
  if (process.platform !== 'linux') writeFileSync(join(dir, pidName), `${process.pid}\n`);
}

/** The process that holds the lock of a directory; null = none known. */
export function lockHolder(dir: string): number | null {
  try {
    const pids = process.platform === 'linux' ? lockersOf(join(dir, lockName)) : [notedIn(dir)];
    return pids.find(isAlive) ?? null;
  } catch {
    return null;
  }
}

/** Processes of this program with a lock on a file, as the kernel lists them. */
function lockersOf(file: string): number[] {
  const { ino } = statSync(file);
  const pids = kernelLocks().flatMap(({ pid, inode }) => (Number(inode) === ino ? [Number(pid)] : []));
  // Files on other volumes may have the same number.
  return pids.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('autocached'));
}

/** Every lock on a file that the kernel lists. */
function kernelLocks(): { pid: string; inode: string }[] {
  const lines = readFileSync('/proc/locks', 'utf8').split('\n');
  return lines.flatMap((line) => {
    const [, pid, inode] = /(\d+) [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line) ?? [];
    return pid === undefined || inode === undefined ? [] : [{ pid, inode }];
  });
}

/**
 * A process of this machine that holds a lock on one of these files, which were removed while it had them open. Null when there is
 * none, and on systems that do not report it (Windows removes no open file).
 */
export function holderOfRemoved(files: readonly string[]): number | null {
  if (process.platform !== 'linux') return null;
  const removed = new Set(files.map((file) => `${realPath(file)} (deleted)`));
  for (const pid of lockers()) if (openFiles(pid).some((path) => removed.has(path))) return Number(pid);
  return null;
}

/** Processes that hold any lock on a file; all processes where the kernel does not list locks. */
function lockers(): Iterable<string> {
  try {
    return new Set(kernelLocks().map(({ pid }) => pid));
  } catch {
    return readdirSync('/proc').filter((name) => /^\d+$/.test(name));
  }
}

/** The open files of a process; none for those of other users. */
function openFiles(pid: string): string[] {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((fd) => linkOf(`/proc/${pid}/fd/${fd}`));
  } catch {
    return [];
  }
}

function linkOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return '';
  }
}

function realPath(file: string): string {
  return join(realpathSync(dirname(file)), basename(file));
}

function notedIn(dir: string): number {
  return Number(readFileSync(join(dir, pidName), 'utf8'));
}

/** Whether a process, also of another user, runs. 0 means a process on another machine. */
export function isAlive(pid: number): boolean {
  if (pid === 0) return false;
  try {
    process.kill(pid, 0);
    return !isZombie(pid);
  } catch (error) {
    return errnoOf(error) === 'EPERM';
  }
}

/** The command that ends a process at once. */
export function killCommand(pid: number): string {
  return process.platform === 'win32' ? `taskkill /PID ${pid} /F` : `kill -9 ${pid}`;
}
