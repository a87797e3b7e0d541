import { closeSync } from 'node:fs';
import type { CompressedFile } from '../codec/compressed-file.ts';
import { CacheError } from '../core/errors.ts';
import { blockMemory, giveBack } from '../runtime/block-memory.ts';
import { PageCacheProbe } from '../runtime/page-cache.ts';
import { leastUncached, openUncached, pageBytes } from '../runtime/uncached.ts';
import type { ReadableFile } from '../sources/driver.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { reading } from '../sources/io-errors.ts';

/** Gives a file's bytes in order, block by block, and reads ahead while the caller uses a block. */
export interface BlockReader {
  /**
   * The next bytes, at most `most`.
   * @param free settles when the caller is done with the bytes before; their memory is then reused
   * @throws CacheError SOURCE_*
   */
  next(most: number, free: Promise<void>): Promise<Uint8Array>;
  /** Time with at least one read in flight so far, ms: the source's time, without the caller's. */
  readonly readMs: number;
  /**
   * Resolves when no read is in flight; the file must stay open until then. To be called once, when the caller is done with all
   * bytes, whose memory is then reused. No reads afterwards.
   */
  close(): Promise<void>;
}

export interface Range<File = ReadableFile> {
  file: File;
  /** First byte and the byte after the last. */
  from: number;
  end: number;
  /** Called as bytes arrive. */
  onBytes?: () => void;
}

/** Bytes of one read. */
const blockBytes = 1024 * 1024;
/**
 * The same past the page cache, where each read and write costs the worker two wake-ups. Larger blocks are not faster; three of them
 * stay in memory for each copy, and their reads in flight would hide those of other programs from `DiskContention`. One read in flight
 * keeps a slow disk busy: its two blocks fill two huge pages, to the allocator's page.
 */
const uncached = {
  fast: { blocks: 3, blockBytes: 2 * 1024 * 1024 },
  slow: { blocks: 2, blockBytes: 2 * 1024 * 1024 - pageBytes },
};

/** One stream: a read begins when the one before has ended, as a disk with a head prefers, and runs while that block is used. */
export function sequentialReader(range: Range): BlockReader {
  let before: Promise<unknown> = Promise.resolve();
  const start = (read: Read) => {
    const done = before.then(() => read(range.file));
    before = done.catch(() => {});
    return done;
  };
  return readAhead(range, { blocks: 2, blockBytes, start });
}

/**
 * The original bytes of a compressed copy, decoded chunk by chunk, while those before are written. The caller compares their hash, as the
 * chunks' own checks are left out.
 */
export function compressedReader(file: CompressedFile): BlockReader {
  const chunks = chunksOf(file);
  const busy = new BusyTime();
  const nextChunk = async (free: Promise<void>) => {
    await settled(free);
    const { value } = await chunks.next();
    if (!value) throw new Error('read past the end');
    return value;
  };
  return {
    next: inPieces((free) => busy.during(nextChunk(free))),
    get readMs() {
      return busy.ms;
    },
    async close() {
      file[Symbol.dispose]();
    },
  };
}

async function* chunksOf(file: CompressedFile): AsyncGenerator<Uint8Array, undefined> {
  const until = file.metadata.chunks.length;
  for (const index of file.metadata.chunks.keys()) yield await file.chunk(index, { until, hashed: true });
}

/** Splits blocks into pieces of at most the asked size; a paced copy takes small steps. */
export function inPieces(nextBlock: (free: Promise<void>) => Promise<Uint8Array>): BlockReader['next'] {
  let rest: Uint8Array = new Uint8Array();
  return async (most, free) => {
    if (rest.length === 0) rest = await nextBlock(free);
    const piece = rest.subarray(0, most);
    rest = rest.subarray(piece.length);
    return piece;
  };
}

/** Many reads in flight, delivered in order. */
export function parallelReader(range: Range, blocks: number): BlockReader {
  return readAhead(range, { blocks, blockBytes, start: (read) => read(range.file) });
}

/**
 * One stream past the page cache, with one or two reads in flight. A large model that only passes through must not displace other
 * programs' data from memory, and filling the cache takes most of the time. Bytes that the page cache holds already, after a load or a
 * download, come from there: the disk would be slower. Null where the cache cannot be bypassed, and for a file without a descriptor.
 */
function uncachedReader(range: Range, disk: keyof typeof uncached): BlockReader | null {
  const { file, from, end } = range;
  const { fd } = file;
  if (fd === undefined || process.platform !== 'linux' || end - from < leastUncached) return null;
  // Opened by its descriptor, because the name may lead to another file meanwhile.
  const uncachedFd = openUncached(`/proc/self/fd/${fd}`);
  if (uncachedFd === null) return null;
  const past = readableFile(uncachedFd, file.path);
  const pageCache = new PageCacheProbe(fd);
  const start = (read: Read, at: number) => read(reading(() => pageCache.holds(at)) ? file : past);
  return readAhead(range, { ...uncached[disk], start, end: () => closeSync(uncachedFd) });
}

/** The reader that suits a file on a local disk that no other program reads. */
export function localReader(range: Range, disk: keyof typeof uncached = 'fast'): BlockReader {
  return uncachedReader(range, disk) ?? sequentialReader(range);
}

/** Reads a block from this descriptor of the file. */
type Read = (file: ReadableFile) => Promise<Uint8Array>;

interface Plan {
  /** Number of blocks in memory. All except those in use may be in flight. */
  blocks: number;
  blockBytes: number;
  /** Starts the read of the block at a position. */
  start(read: Read, at: number): Promise<Uint8Array>;
  end?(): void;
}

function readAhead(range: Range, { blocks, blockBytes, start, end: whenClosed }: Plan): BlockReader {
  const { from, end } = range;
  const busy = new BusyTime();
  const slots = Math.min(blocks, Math.ceil((end - from) / blockBytes));
  const underWay: { buffer: Uint8Array; filled: Promise<Uint8Array> }[] = [];
  let asked = from;
  let given: Uint8Array | undefined;
  const ask = (buffer: Uint8Array, free?: Promise<void>) => {
    if (asked >= end) return;
    const at = asked;
    asked = Math.min(end, at + blockBytes);
    const block = { buffer, at, length: asked - at };
    const begin = () => start((file) => busy.during(fill(range, file, block)), at);
    const filled = free ? settled(free).then(begin) : begin();
    // The awaiting caller sees the failure; an unawaited read must not end the process.
    filled.catch(() => {});
    underWay.push({ buffer, filled });
  };
  // For a small file, mapping memory of its own takes longer than copying the bytes.
  const memory = end - from < blockBytes ? Buffer.allocUnsafe(end - from) : blockMemory(slots * blockBytes);
  for (let slot = 0; slot < slots; slot += 1) ask(memory.subarray(slot * blockBytes, (slot + 1) * blockBytes));
  return {
    next: inPieces(async (free) => {
      if (given) ask(given, free);
      const block = underWay.shift();
      if (!block) throw new Error('read past the end');
      given = block.buffer;
      return block.filled;
    }),
    get readMs() {
      return busy.ms;
    },
    async close() {
      await Promise.allSettled(underWay.map(({ filled }) => filled));
      whenClosed?.();
      giveBack(memory);
    },
  };
}

/** Waits for the end of the work; its failure is reported elsewhere. */
export const settled = (work: Promise<void>) => work.catch(() => {});

/** Sums the time with work in flight; overlaps count once. */
export class BusyTime {
  ms = 0;
  #underWay = 0;
  #since = 0;

  async during<T>(work: Promise<T>): Promise<T> {
    if (this.#underWay === 0) this.#since = performance.now();
    this.#underWay += 1;
    try {
      return await work;
    } finally {
      this.#underWay -= 1;
      if (this.#underWay === 0) this.ms += performance.now() - this.#since;
    }
  }
}

interface Block {
  buffer: Uint8Array;
  /** First byte in the file, and number of bytes. */
  at: number;
  length: number;
}

export async function fill(range: Range, file: ReadableFile, { buffer, at, length }: Block): Promise<Uint8Array> {
  for (let filled = 0; filled < length; ) {
    // Reads past the cache must fill the buffer to its end. After half a block, only the cached file can continue.
    const got = await (filled === 0 ? file : range.file).read(buffer.subarray(filled), at + filled, range.onBytes);
    range.onBytes?.();
    if (got === 0) throw new CacheError('SOURCE_CHANGED', `${range.file.path} became shorter while it was copied`);
    filled += got;
  }
  return buffer.subarray(0, length);
}
