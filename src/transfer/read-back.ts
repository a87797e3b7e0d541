import { closeSync, fstatSync, openSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { ChunkHash, chunkSize } from '../codec/chunk-hash.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Form } from '../core/types.ts';
import { blockMemory } from '../runtime/block-memory.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { openUncached, pageBytes } from '../runtime/uncached.ts';
import type { ReadableFile } from '../sources/driver.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { writeError, writing } from '../sources/io-errors.ts';
import { assertWanted, type CopyHooks } from './each-block.ts';

/** The file of a copy, open for reading back, past the page cache where possible. */
export interface OpenCopy {
  fd: number;
  path: string;
  form: Form;
  uncached: boolean;
}

export interface ReadBackHooks {
  /** Takes original bytes, in order. */
  onBytes?(bytes: Uint8Array): void;
  /** Called after each step with the original bytes done, their total, and those of this step. May wait, and throw. */
  afterStep(done: number, total: number, step: number): Promise<void>;
}

export interface ReadBack {
  /** Hashes of the original bytes and of their chunks; meaningless when something is broken. */
  hash: string;
  chunks: readonly string[];
  /** Numbers of the original's chunks that cannot be read or decoded; null when there are none. */
  broken: { why: string; chunks: number[] } | null;
  /** Time spent reading past the page cache, ms; null when it was not bypassed. */
  readMs: number | null;
}

/** Throws as `node:fs` does. Bypasses the page cache, which shows the bytes as written, not as the disk keeps them. */
export function openCopy(path: string, form: Form): OpenCopy {
  const fd = form === 'compressed' ? null : openUncached(path);
  return { fd: fd ?? openSync(path, 'r'), path, form, uncached: fd !== null };
}

/**
 * Reads a copy from the disk, first byte to last, and hashes the original bytes. A compressed copy is decoded as in a restore,
 * which checks every frame and chunk. The caller compares the hash and closes the file.
 * @throws the errors of `afterStep`, and those of the file system that do not mean a broken file
 */
export function readBack(copy: OpenCopy, hooks: ReadBackHooks): Promise<ReadBack> {
  return copy.form === 'compressed' ? decodeBack(copy, hooks) : readPlain(copy, hooks);
}

/**
 * Checks that a finished copy reads back as it was written, before it gets its name.
 * @param hash of the original bytes
 * @throws CacheError CACHE_IO when it does not, CANCELLED
 */
export async function assertReadsBack(
  { path, form, hash }: { path: string; form: Form; hash: string },
  { signal }: Pick<CopyHooks, 'signal'>,
  afterStep: ReadBackHooks['afterStep'] = () => nextTurn(),
): Promise<void> {
  const copy = writing(() => openCopy(path, form));
  try {
    const { broken, ...found } = await readBack(copy, {
      async afterStep(...step) {
        assertWanted(signal);
        await afterStep(...step);
        assertWanted(signal);
      },
    });
    if (broken) throw new CacheError('CACHE_IO', broken.why);
    if (found.hash === hash) return;
    const isDecoded = form === 'compressed';
    throw new CacheError(
      'CACHE_IO',
      isDecoded ? 'the compressed copy does not restore the original bytes' : 'the disk returns other bytes than were written',
    );
  } catch (error) {
    throw error instanceof CacheError ? error : writeError(error);
  } finally {
    closeSync(copy.fd);
  }
}

async function readPlain({ fd, path, uncached }: OpenCopy, { onBytes, afterStep }: ReadBackHooks): Promise<ReadBack> {
  const { size } = fstatSync(fd);
  const memory = blockMemory(Math.min(chunkSize, Math.max(1, Math.ceil(size / pageBytes)) * pageBytes));
  const file = readableFile(fd, path);
  const hash = await ChunkHash.create();
  const unread: number[] = [];
  let readMs = 0;
  for (let done = 0; done < size; ) {
    const bytes = memory.subarray(0, Math.min(chunkSize, size - done));
    const startedAt = performance.now();
    const isThere = await readChunk(file, memory, { length: bytes.length, position: done });
    readMs += performance.now() - startedAt;
    if (isThere) {
      hash.update(bytes);
      onBytes?.(bytes);
    } else unread.push(Math.floor(done / chunkSize));
    done += bytes.length;
    await afterStep(done, size, bytes.length);
  }
  const broken = unread.length > 0 ? { why: 'a part of it cannot be read', chunks: unread } : null;
  return { hash: hash.digest(), chunks: hash.chunks, broken, readMs: uncached ? readMs : null };
}

/** False when the disk does not return the bytes. */
async function readChunk(
  file: ReadableFile,
  into: Uint8Array,
  { length, position }: { length: number; position: number },
): Promise<boolean> {
  try {
    for (let filled = 0; filled < length; ) {
      // Uses all remaining memory: reading past the cache accepts only lengths of whole pages.
      const got = await file.read(into.subarray(filled), position + filled);
      if (got === 0) return false;
      filled += got;
    }
    return true;
  } catch (error) {
    const { cause } = error as CacheError;
    if (meaningOf(cause) === 'io') return false;
    throw cause;
  }
}

async function decodeBack({ fd, path }: OpenCopy, { onBytes, afterStep }: ReadBackHooks): Promise<ReadBack> {
  // Imported with the first compressed copy: most threads that check copies meet none.
  const { CompressedFile } = await import('../codec/compressed-file.ts');
  const hash = await ChunkHash.create();
  let done = 0;
  let broken: ReadBack['broken'] = null;
  try {
    using file = new CompressedFile(fd, path);
    const { chunks, size } = file.metadata;
    for (const index of chunks.keys()) {
      const bytes = await file.chunk(index);
      hash.update(bytes);
      onBytes?.(bytes);
      done += bytes.length;
      await afterStep(done, size, bytes.length);
    }
  } catch (error) {
    const isBroken = error instanceof CacheError ? error.code !== 'CANCELLED' : meaningOf(error) === 'io';
    if (!isBroken) throw error;
    broken = { why: messageOf(error), chunks: [Math.floor(done / chunkSize)] };
  }
  return { hash: hash.digest(), chunks: hash.chunks, broken, readMs: null };
}
