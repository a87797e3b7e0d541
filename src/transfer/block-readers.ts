import { closeSync, readSync } from 'node:fs';
import type { CompressedFile } from '../codec/compressed-file.ts';
import { hashableMemory } from '../codec/xxh3-kernel.ts';
import { CacheError } from '../core/errors.ts';
import { readFromDisks } from '../media/disk-counters.ts';
import { leastUncached, openUncached } from '../runtime/uncached.ts';
import type { OpenSource, ReadableFile } from '../sources/driver.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { reading } from '../sources/io-errors.ts';

/** Gives a file's bytes in order, block by block, and reads on while the caller is busy with a block. */
export interface BlockReader {
  /**
   * The next bytes, at most so many.
   * @param free settles when the bytes given before are needed no longer: then their memory is used again
   * @throws CacheError SOURCE_*
   */
  next(most: number, free: Promise<void>): Promise<Uint8Array>;
  /** How long at least one read was under way so far, ms: the source's time, whatever the caller does meanwhile. */
  readonly readMs: number;
  /** Resolves when no read is under way: before that the file must not be closed. Nothing can be read afterwards. */
  close(): Promise<void>;
}

interface Range<File = ReadableFile> {
  file: File;
  /** First byte and the byte after the last. */
  from: number;
  end: number;
}

/** Bytes of one read. */
const blockBytes = 1024 * 1024;
/**
 * The same past the page cache, where each read costs more. Larger ones cost no less, and what is under way hides from
 * `DiskContention` what others read.
 */
const uncachedBlockBytes = 2 * 1024 * 1024;

/** One stream: a read begins when the one before it has ended, as a disk with a head wants it, and runs while that one's block is used. */
function sequentialReader(range: Range): BlockReader {
  let before: Promise<unknown> = Promise.resolve();
  const start = (read: Read) => {
    const done = before.then(() => read(range.file));
    before = done.catch(() => {});
    return done;
  };
  return readAhead(range, { blocks: 2, blockBytes, start });
}

/** The original bytes of a compressed copy, decoded on the way and checked chunk by chunk. */
export function compressedReader(file: CompressedFile): BlockReader {
  const chunks = chunksOf(file);
  const busy = new BusyTime();
  return {
    next: inPieces(async (free) => {
      await settled(free);
      const { value } = await busy.during(chunks.next());
      if (!value) throw new Error('read past the end');
      return value;
    }),
    get readMs() {
      return busy.ms;
    },
    close: async () => {},
  };
}

async function* chunksOf(file: CompressedFile): AsyncGenerator<Uint8Array, undefined> {
  for (const index of file.metadata.chunks.keys()) yield await file.chunk(index);
}

/** Hands a block on in as many pieces as are asked for; a paced copy takes small steps. */
function inPieces(nextBlock: (free: Promise<void>) => Promise<Uint8Array>): BlockReader['next'] {
  let rest: Uint8Array = new Uint8Array();
  return async (most, free) => {
    if (rest.length === 0) rest = await nextBlock(free);
    const piece = rest.subarray(0, most);
    rest = rest.subarray(piece.length);
    return piece;
  };
}

/** Many reads under way, handed on in order. */
function parallelReader(range: Range, blocks: number): BlockReader {
  return readAhead(range, { blocks, blockBytes, start: (read) => read(range.file) });
}

/** So often it is looked whether the page cache has the file, bytes. */
const lookBytes = 64 * 1024 * 1024;

/**
 * One stream past the page cache, two or three reads of it under way: a large model that is only passed on must not push out of
 * memory what programs use, and to put it there costs more time than all else. What is in the page cache already, because somebody
 * has just loaded or downloaded it, comes from there, for the disk would be slower. Null where the cache cannot be passed, and for a
 * file without a descriptor.
 */
function uncachedReader(range: Range): BlockReader | null {
  const { file, from, end } = range;
  const { fd } = file;
  if (fd === undefined || process.platform !== 'linux' || end - from < leastUncached) return null;
  // Opened anew by its number: the name may lead to another file by now.
  const uncachedFd = openUncached(`/proc/self/fd/${fd}`);
  if (uncachedFd === null) return null;
  const uncached = readableFile(uncachedFd, file.path);
  let fromMemory = false;
  let looked = Number.NEGATIVE_INFINITY;
  const start = (read: Read, at: number) => {
    if (at - looked >= lookBytes) {
      looked = at;
      fromMemory = reading(() => isInMemory(fd, at));
    }
    return read(fromMemory ? file : uncached);
  };
  return readAhead(range, { blocks: 4, blockBytes: uncachedBlockBytes, start, end: () => closeSync(uncachedFd) });
}

/** Whether a page of the file comes without a disk, by what the kernel counts for this thread; also true where it does not count. */
function isInMemory(fd: number, at: number): boolean {
  const page = Buffer.allocUnsafe(4096);
  const before = readFromDisks('thread-self');
  readSync(fd, page, 0, page.length, at);
  return readFromDisks('thread-self') === before;
}

/**
 * What suits a source.
 * @param options `shared`: the program that asked reads it at the same time; through the page cache each byte comes from the disk once
 */
export function sourceReader(range: Range<OpenSource>, { shared }: { shared: boolean }): BlockReader {
  const { readsInFlight } = range.file.traits;
  if (readsInFlight > 1) return parallelReader(range, readsInFlight);
  return shared ? sequentialReader(range) : localReader(range);
}

/** What suits a file on a disk of this machine that no other program reads. */
export function localReader(range: Range): BlockReader {
  return uncachedReader(range) ?? sequentialReader(range);
}

/** Reads a block from the file as it is open here. */
type Read = (file: ReadableFile) => Promise<Uint8Array>;

interface Plan {
  /** How many blocks there are in memory. All but those that are in use may be under way. */
  blocks: number;
  blockBytes: number;
  /** Begins to read the block at a position. */
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
    // Whoever takes it sees the failure; a read that nobody takes any more must not end the process.
    filled.catch(() => {});
    underWay.push({ buffer, filled });
  };
  const memory = hashableMemory(slots * blockBytes);
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
    },
  };
}

/** How it went is the concern of others. */
const settled = (work: Promise<void>) => work.catch(() => {});

/** Sums the time in which anything is under way; what overlaps counts once. */
class BusyTime {
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
  /** Its first byte in the file, and how many there are to come. */
  at: number;
  length: number;
}

async function fill(range: Range, file: ReadableFile, { buffer, at, length }: Block): Promise<Uint8Array> {
  for (let filled = 0; filled < length; ) {
    // Always to the end of the buffer, as reading past the cache asks for; how it goes on after half a block, only the cache knows.
    const got = await (filled === 0 ? file : range.file).read(buffer.subarray(filled), at + filled);
    if (got === 0) throw new CacheError('SOURCE_CHANGED', `${range.file.path} became shorter while it was copied`);
    filled += got;
  }
  return buffer.subarray(0, length);
}
