import { closeSync, existsSync, fsync, mkdirSync, openSync, realpathSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { errnoOf } from '../runtime/errnos.ts';
import { gathered } from '../runtime/gathered.ts';
import { Serial } from '../runtime/serial.ts';

/** Number of concurrent fsyncs: two of Node's four disk threads stay free for reads. */
const lanes = [new Serial(), new Serial()];
let nextLane = 0;

/**
 * Makes a file's bytes, size, times and mode survive a power cut. A disk takes little longer for two files at once than for one, and
 * bytes written meanwhile are synced with them.
 */
export async function syncFile(path: string): Promise<void> {
  // Windows flushes only files open for writing.
  const fd = openSync(path, process.platform === 'win32' ? 'r+' : 'r');
  try {
    nextLane = (nextLane + 1) % lanes.length;
    await lanes[nextLane]?.run(() => promisify(fsync)(fd));
  } finally {
    closeSync(fd);
  }
}

/** Rewrites a small file so that it survives a power cut. */
export async function writeDurably(path: string, text: string): Promise<void> {
  rmSync(path, { force: true });
  writeFileSync(path, text, { flag: 'wx', mode: 0o600 });
  await syncFile(path);
}

/** Maximum number of attempts when the directory is removed meanwhile, as an eviction does with an empty one. */
const moveTries = 5;

/** Renames a file so that a power cut does not undo it; makes its folder, unless the volume of both has left. */
export async function moveDurably(from: string, to: string): Promise<void> {
  const dir = dirname(to);
  for (let tries = 1; ; tries += 1) {
    try {
      assertNoLink(dir);
      if (existsSync(from)) mkdirSync(dir, { recursive: true });
      renameSync(from, to);
      break;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries === moveTries) throw error;
    }
  }
  await syncDirectory(dir);
}

/** Law 2: a folder of the tier that was replaced by a link leads to foreign files, so no folders are made there. */
function assertNoLink(dir: string): void {
  let existing = dir;
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing);
  if (realpathSync(existing) !== existing) throw new Error(`${existing} is a link to another place`);
}

/** Directories whose names are being made durable. */
const syncing = new Map<string, { sync: () => Promise<void>; callers: number }>();

/**
 * Makes renames in a directory survive a power cut; calls during a sync share the next one. Windows has no such call and journals
 * names itself.
 */
async function syncDirectory(dir: string): Promise<void> {
  if (process.platform === 'win32') return;
  const shared = syncing.get(dir) ?? { sync: gathered(() => syncFile(dir)), callers: 0 };
  syncing.set(dir, shared);
  shared.callers += 1;
  try {
    await shared.sync();
  } finally {
    shared.callers -= 1;
    if (shared.callers === 0) syncing.delete(dir);
  }
}
