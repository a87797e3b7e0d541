import { read } from 'node:fs';
import type { CompressedFile } from '../codec/compressed-file.ts';
import { CacheError } from '../core/errors.ts';
import { readError } from './io-errors.ts';

/** Gives a file's bytes in order, block by block, and reads on while the caller is busy with a block. */
export interface BlockReader {
  /** The next block; its memory is used again at the next call. @throws CacheError SOURCE_* */
  next(): Promise<Uint8Array>;
  /** How long at least one read was under way so far, ms: the source's time, whatever the caller does meanwhile. */
  readonly readMs: number;
  /** Resolves when no read is under way: before that the file must not be closed. */
  settled(): Promise<unknown>;
}

interface Range {
  fd: number;
  path: string;
  /** First byte and the byte after the last. */
  from: number;
  end: number;
}

const blockBytes = 1024 * 1024;

/** One stream: a read begins when the one before it has ended, as a disk with a head wants it, and runs while that one's block is used. */
export function sequentialReader(range: Range): BlockReader {
  let before: Promise<unknown> = Promise.resolve();
  return readAhead(range, 2, (read) => {
    const done = before.then(read);
    before = done.catch(() => {});
    return done;
  });
}

/** The original bytes of a compressed copy, decoded on the way and checked chunk by chunk. */
export function compressedReader(file: CompressedFile): BlockReader {
  const blocks = blocksOf(file);
  const busy = new BusyTime();
  return {
    async next() {
      const { value } = await busy.during(blocks.next());
      if (!value) throw new Error('read past the end');
      return value;
    },
    get readMs() {
      return busy.ms;
    },
    settled: async () => {},
  };
}

async function* blocksOf(file: CompressedFile): AsyncGenerator<Uint8Array, undefined> {
  for (const index of file.metadata.chunks.keys()) {
    const chunk = await file.chunk(index);
    // In the pieces that a paced copy asks for.
    for (let at = 0; at < chunk.length; at += blockBytes) yield chunk.subarray(at, at + blockBytes);
  }
}

/** Reads under way at once. A mount that takes 10 ms a request gives a hundred of them a second to who asks one by one. */
const depth = 16;

/** Many reads under way, handed on in order. */
function parallelReader(range: Range): BlockReader {
  return readAhead(range, depth, (read) => read());
}

/** What suits a source that is on a network or not. */
export function sourceReader(range: Range, network: boolean): BlockReader {
  return network ? parallelReader(range) : sequentialReader(range);
}

type Read = () => Promise<Uint8Array>;

function readAhead(range: Range, blocks: number, start: (read: Read) => Promise<Uint8Array>): BlockReader {
  const { from, end } = range;
  const busy = new BusyTime();
  const slots = Math.min(blocks, Math.ceil((end - from) / blockBytes));
  const underWay: Promise<Uint8Array>[] = [];
  let asked = from;
  let given: Buffer | undefined;
  const ask = (buffer: Buffer) => {
    if (asked >= end) return;
    const block = buffer.subarray(0, Math.min(blockBytes, end - asked));
    const at = asked;
    const filled = start(() => busy.during(fill(range, block, at)));
    asked += block.length;
    // Whoever takes it sees the failure; a read that nobody takes any more must not end the process.
    filled.catch(() => {});
    underWay.push(filled);
  };
  for (let slot = 0; slot < slots; slot += 1) ask(Buffer.allocUnsafe(blockBytes));
  return {
    async next() {
      if (given) ask(given);
      const block = await underWay.shift();
      if (!block) throw new Error('read past the end');
      given = Buffer.from(block.buffer, block.byteOffset, blockBytes);
      return block;
    },
    get readMs() {
      return busy.ms;
    },
    settled: () => Promise.allSettled(underWay),
  };
}

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

async function fill({ fd, path }: Range, block: Buffer, at: number): Promise<Uint8Array> {
  for (let filled = 0; filled < block.length; ) {
    const got = await readSome(fd, block.subarray(filled), at + filled);
    if (got === 0) throw new CacheError('SOURCE_CHANGED', `${path} became shorter while it was copied`);
    filled += got;
  }
  return block;
}

function readSome(fd: number, into: Buffer, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(fd, into, 0, into.length, position, (error, bytes) => (error ? reject(readError(error)) : resolve(bytes)));
  });
}
