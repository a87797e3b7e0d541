import { fstatSync, ftruncateSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';

export interface BoundLogOptions {
  /** Where the log lies when this process runs in the background. */
  file: string;
  log: Log;
  /** Longer logs are put aside, bytes. */
  most?: number;
  /** Pause between two looks, ms. */
  everyMs?: number;
  /** Where this process writes its log. */
  fd?: number;
}

const mib = 1024 * 1024;

/**
 * Keeps the log of a daemon in the background bounded: at start and every minute, one that has become too long is copied to
 * `FILE.1`, in place of an older one, and begins anew. It was opened for appending by who started the daemon, and stays open: that
 * is why it is emptied and not renamed. Does nothing when the log goes elsewhere.
 * @returns how to end it
 */
export function boundLog({ file, log, most = 16 * mib, everyMs = 60_000, fd = 2 }: BoundLogOptions): () => void {
  const look = () => {
    if (!isOpenAs(file, fd) || fstatSync(fd).size <= most) return;
    writeFileSync(`${file}.1`, readFileSync(file), { mode: 0o600 });
    ftruncateSync(fd, 0);
  };
  const looking = new Periodic(look, { everyMs, onError: (err) => log.debug({ err }, 'the log could not be put aside') });
  void looking.now();
  return () => void looking[Symbol.asyncDispose]();
}

function isOpenAs(file: string, fd: number): boolean {
  const there = statSync(file, { bigint: true, throwIfNoEntry: false });
  const open = fstatSync(fd, { bigint: true });
  return there?.isFile() === true && there.ino === open.ino && there.dev === open.dev;
}
