import { readFileSync, readSync } from 'node:fs';

/** The page cache is probed for a file once per this many bytes. */
const lookBytes = 64 * 1024 * 1024;

/** Tells which parts of a file the page cache holds, as a read from there is faster than any disk. */
export class PageCacheProbe {
  readonly #fd: number;
  #holds = false;
  #looked = Number.NaN;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** Whether the bytes from a position on come without a disk read, as far as one page of them tells; true where it cannot tell. */
  holds(at: number): boolean {
    if (!(at >= this.#looked && at - this.#looked < lookBytes)) {
      this.#looked = at;
      this.#holds = isInMemory(this.#fd, at);
    }
    return this.#holds;
  }
}

/** By the kernel's counters for this thread; also true without counters. */
function isInMemory(fd: number, at: number): boolean {
  const page = Buffer.allocUnsafe(4096);
  const before = readFromDisks('thread-self');
  readSync(fd, page, 0, page.length, at);
  return readFromDisks('thread-self') === before;
}

/** Bytes read from disks for this process, or for this thread of it, as Linux counts them; null where it does not. */
export function readFromDisks(who: 'self' | 'thread-self'): number | null {
  try {
    const bytes = /^read_bytes: (\d+)$/m.exec(readFileSync(`/proc/${who}/io`, 'utf8'))?.[1];
    return bytes === undefined ? null : Number(bytes);
  } catch {
    return null;
  }
}
