import { read, readSync } from 'node:fs';
import { promisify } from 'node:util';
import type { CompressedFile } from '../codec/compressed-file.ts';
import { CacheError } from '../core/errors.ts';
import { readError, reading } from './io-errors.ts';

/** Gives a file's bytes in order, block by block. */
export interface BlockReader {
  /** The next block; its memory is used again at the next call. @throws CacheError SOURCE_* */
  next(): Uint8Array | Promise<Uint8Array>;
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

/** Bytes a read of a local disk; the measured best for one sequential stream through user space. */
const localBlock = 512 * 1024;

/** One stream, one read after the other: what a disk with a head wants. */
export function sequentialReader({ fd, path, from, end }: Range): BlockReader {
  const block = Buffer.allocUnsafe(localBlock);
  let at = from;
  return {
    next() {
      const length = reading(() => readSync(fd, block, 0, Math.min(localBlock, end - at), at));
      if (length === 0) throw becameShorter(path);
      at += length;
      return block.subarray(0, length);
    },
    settled: async () => {},
  };
}

/** The original bytes of a compressed copy, decoded on the way and checked chunk by chunk. */
export function compressedReader(file: CompressedFile): BlockReader {
  const blocks = blocksOf(file);
  return {
    async next() {
      const { value } = await blocks.next();
      if (!value) throw new Error('read past the end');
      return value;
    },
    settled: async () => {},
  };
}

async function* blocksOf(file: CompressedFile): AsyncGenerator<Uint8Array, undefined> {
  for (const index of file.metadata.chunks.keys()) {
    const chunk = await file.chunk(index);
    // In the pieces that a paced copy asks for.
    for (let at = 0; at < chunk.length; at += localBlock) yield chunk.subarray(at, at + localBlock);
  }
}

/** Reads under way at once, and bytes each. A mount that takes 10 ms a request gives a hundred of them a second to who asks one by one. */
const depth = 16;
const networkBlock = 1024 * 1024;

/** Many reads under way, handed on in order. */
export function parallelReader({ fd, path, from, end }: Range): BlockReader {
  const slots = Math.min(depth, Math.ceil((end - from) / networkBlock));
  const buffers = Array.from({ length: slots }, () => Buffer.allocUnsafe(networkBlock));
  const underWay: Promise<Uint8Array>[] = [];
  let asked = from;
  let given: Buffer | undefined;
  const ask = (buffer: Buffer) => {
    if (asked >= end) return;
    const block = buffer.subarray(0, Math.min(networkBlock, end - asked));
    const filled = fill({ fd, path }, block, asked);
    asked += block.length;
    // Whoever takes it sees the failure; a read that nobody takes any more must not end the process.
    filled.catch(() => {});
    underWay.push(filled);
  };
  for (const buffer of buffers) ask(buffer);
  return {
    async next() {
      if (given) ask(given);
      const block = await underWay.shift();
      if (!block) throw new Error('read past the end');
      given = Buffer.from(block.buffer, block.byteOffset, networkBlock);
      return block;
    },
    settled: () => Promise.allSettled(underWay),
  };
}

const readAsync = promisify(read);

async function fill({ fd, path }: Pick<Range, 'fd' | 'path'>, block: Buffer, at: number): Promise<Uint8Array> {
  for (let filled = 0; filled < block.length; ) {
    const { bytesRead } = await readAsync(fd, block, filled, block.length - filled, at + filled).catch((error) => {
      throw readError(error);
    });
    if (bytesRead === 0) throw becameShorter(path);
    filled += bytesRead;
  }
  return block;
}

function becameShorter(path: string): CacheError {
  return new CacheError('SOURCE_CHANGED', `${path} became shorter while it was copied`);
}
