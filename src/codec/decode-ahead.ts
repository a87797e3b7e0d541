import { availableParallelism } from 'node:os';
import { CacheError } from '../core/errors.ts';
import { packageModule } from '../runtime/package.ts';
import { type Peer, startPeer } from '../runtime/peer.ts';
import { pageAlignedShared, pageBytes } from '../runtime/uncached.ts';
import type { DecodeWorker } from './decode-worker.ts';
import type { Chunk } from './format.ts';

/** Original bytes in memory at most: enough for each thread to decode one group while others wait to be written. */
const ringBytes = 32 * 1024 * 1024;
/** Original bytes that a thread decodes at a time; a larger chunk goes alone. */
const groupBytes = 4 * 1024 * 1024;
/** More would only wait for the disk. */
const mostThreads = 3;

/** Neighbouring chunks that one thread decodes in one go. */
interface Group {
  first: number;
  /** The chunk behind its last. */
  end: number;
  /** Of its first byte in the original. */
  position: number;
  size: number;
}

/**
 * Decodes a compressed file on threads of its own, ahead of its reader, so that decoding, hashing and writing go on at the same time.
 * The original bytes lie in a ring: each at its position in the file modulo the size of the ring. So a page of the file is a page of
 * memory, and can be written past the page cache.
 */
export class DecodeAhead {
  readonly #threads: Peer<DecodeWorker>[];
  readonly #groups: Generator<Group, undefined>;
  readonly #ring: Uint8Array;
  readonly #size: number;
  readonly #decoding: { end: number; done: Promise<void> }[] = [];
  #next: Group | undefined;
  #turn = 0;
  /** Positions in the original: end of the bytes asked for, decoded in order, given out, and given back. */
  #asked = 0;
  #decoded = 0;
  #given = 0;
  #free = 0;

  /** @param fd of the compressed file at `path`, which must stay open until `close` resolves */
  constructor(fd: number, path: string, { chunks, size }: { chunks: readonly Chunk[]; size: number }) {
    const shared = pageAlignedShared(ringBytes);
    this.#ring = new Uint8Array(shared);
    this.#size = size;
    this.#groups = groupsOf(chunks);
    this.#next = this.#groups.next().value;
    this.#threads = Array.from({ length: Math.min(mostThreads, availableParallelism()) }, () => {
      const thread = startPeer<DecodeWorker, object>(packageModule('codec/decode-worker'), 'thread', {
        functions: {},
        onExit: () => {},
        youngGenerationMb: 2,
        unref: true,
      });
      thread.tell.open(fd, path, shared);
      return thread;
    });
    this.#ask();
  }

  /**
   * The next bytes, in order; whole pages except at the end of the file and of the ring.
   * @param free settles when the caller is done with the bytes before
   * @throws CacheError CORRUPT
   */
  async next(free: Promise<unknown>): Promise<Uint8Array> {
    const before = this.#given;
    const released = free
      .catch(() => {})
      .then(() => {
        this.#free = before;
        this.#ask();
      });
    while (this.#ready() === 0) {
      const group = this.#decoding.shift();
      if (group) {
        await group.done;
        this.#decoded = group.end;
      } else if (this.#asked === this.#size) throw new Error('read past the end');
      else await released;
    }
    const begin = this.#given % this.#ring.length;
    const ready = this.#ready();
    this.#given += ready;
    return this.#ring.subarray(begin, begin + ready);
  }

  /** Bytes that can be given out in one piece. */
  #ready(): number {
    const end = this.#decoded === this.#size ? this.#size : this.#decoded - (this.#decoded % pageBytes);
    return Math.min(end - this.#given, this.#ring.length - (this.#given % this.#ring.length));
  }

  /** Ends the threads, when none of them reads the file any more. */
  async close(): Promise<void> {
    this.#next = undefined;
    await Promise.allSettled(this.#decoding.map(({ done }) => done));
    await Promise.allSettled(this.#threads.map((thread) => thread.call.close()));
    for (const thread of this.#threads) thread.kill(new CacheError('CANCELLED', 'the restore has ended'));
  }

  /** Gives groups to the threads in turn, as far as the ring has room. */
  #ask(): void {
    while (this.#next && this.#next.position + this.#next.size - this.#free <= this.#ring.length) {
      const { first, end, position, size } = this.#next;
      const thread = this.#threads[this.#turn++ % this.#threads.length];
      if (!thread) return;
      const done = thread.call.decode(first, end, position);
      // The awaiting caller sees the failure.
      done.catch(() => {});
      this.#asked = position + size;
      this.#decoding.push({ end: this.#asked, done });
      this.#next = this.#groups.next().value;
    }
  }
}

function* groupsOf(chunks: readonly Chunk[]): Generator<Group, undefined> {
  let group: Group = { first: 0, end: 0, position: 0, size: 0 };
  for (const { size } of chunks) {
    if (group.size > 0 && group.size + size > groupBytes) {
      yield group;
      group = { first: group.end, end: group.end, position: group.position + group.size, size: 0 };
    }
    group = { ...group, end: group.end + 1, size: group.size + size };
  }
  if (group.size > 0) yield group;
}
