import { fstatSync, ftruncateSync, readFileSync } from 'node:fs';
import { isOpenAs, type Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { writePrivately } from '../runtime/private-file.ts';

export interface BoundLogOptions {
  /** The log file of a process in the background. */
  file: string;
  log: Log;
  /** Maximum size of a log before it is rotated, bytes. */
  most?: number;
  /** Pause between two checks, ms. */
  everyMs?: number;
  /** The descriptor of this process's log. */
  fd?: number;
}

const mib = 1024 * 1024;

/**
 * Bounds the log of a daemon in the background: at start and every minute, a log over its limit is copied to `FILE.1`, replacing an
 * older one, and begins anew. The process that started the daemon opened it for appending, and it stays open, so it is emptied, not
 * renamed. Does nothing when the log goes elsewhere.
 * @returns a function that ends this
 */
export function boundLog({ file, log, most = 16 * mib, everyMs = 60_000, fd = 2 }: BoundLogOptions): () => void {
  const look = () => {
    if (!isOpenAs(file, fd) || fstatSync(fd).size <= most) return;
    writePrivately(`${file}.1`, readFileSync(file));
    ftruncateSync(fd, 0);
  };
  const looking = new Periodic(look, { everyMs, onError: (err) => log.debug({ err }, 'the log could not be put aside') });
  void looking.now();
  return () => void looking[Symbol.asyncDispose]();
}
