import { closeSync, constants, mkdtempSync, openSync, realpathSync, rmSync, statfsSync } from 'node:fs';
import { freemem, tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

const present = new Set<string>();

/** A new directory for one test. @param atEnd when it goes; default: at the end of the test */
export function tempDir(parent = tmpdir(), atEnd: (end: () => void) => void = onTestFinished): string {
  const dir = realpathSync(mkdtempSync(join(parent, 'autocached-test-')));
  present.add(dir);
  atEnd(() => remove(dir));
  return dir;
}

function remove(dir: string): void {
  rmSync(dir, { recursive: true, force: true });
  present.delete(dir);
}

// A test that is ended in its midst does not finish.
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => {
    for (const dir of present) attempt(() => remove(dir));
    process.kill(process.pid, signal);
  });
}

function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // A volume may be mounted in it.
  }
}

/** For tests of what a disk does: the temporary directory of the machine, where `tmpdir()` lies in memory during tests. */
export function onDisk(): string {
  return process.env['DISK_TMPDIR'] ?? tmpdir();
}

/** Whether files of temporary directories can be opened past the page cache. */
export function opensUncached(): boolean {
  const { O_CREAT, O_DIRECT, O_RDWR } = constants;
  // Absent where the system has none.
  if (O_DIRECT === undefined) return false;
  const dir = mkdtempSync(join(tmpdir(), 'autocached-test-'));
  try {
    closeSync(openSync(join(dir, 'a'), O_CREAT | O_RDWR | O_DIRECT));
    return true;
  } catch {
    return false;
  } finally {
    rmSync(dir, { recursive: true });
  }
}

const memory = '/dev/shm';
/** More than tests that run beside each other have in files at once, bytes. */
const roomy = 2 * 2 ** 30;

/** A file system in memory, if the machine has one with room. */
export function roomyMemory(): string | null {
  try {
    const { bavail, bsize } = statfsSync(memory);
    return Math.min(bavail * bsize, freemem()) >= roomy ? memory : null;
  } catch {
    return null;
  }
}
