import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';
import type { ChosenBase } from './choose-bases.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { DerivedChunks } from './derived-chunks.ts';
import { readAt, writeAt } from './file-io.ts';
import { buildTail } from './footer.ts';
import { type Base, type Chunk, chunkBytes, formatName, formatVersion, frameSizes, maxChunks, needsNumbers } from './format.ts';
import { readLayout, readTensors } from './layout.ts';
import { type CodecHooks, stopIfCancelled } from './progress.ts';

export interface Encoded {
  /** Bytes of the original and of its compressed form. */
  size: number;
  storedSize: number;
  /** SHA-256 of the original, hexadecimal. */
  sha256: string;
  /** The files that it stands on, where there are any. */
  bases?: Base[];
}

export interface EncodeOptions extends CodecHooks {
  /** Files that it may stand on; they stay open until this returns. */
  bases?: readonly ChosenBase[];
}

/**
 * Writes the compressed form of a model file (`format.ts`) into an empty file. Works on one chunk after the other, with 6 MiB of
 * buffers for a file of any size, and yields between chunks.
 * @param source an open file  @param target an open empty file; the caller syncs and publishes it
 * @throws CacheError SOURCE_CHANGED, CANCELLED, TOO_LARGE, BAD_CONFIG; errors of the file system unchanged
 */
export async function encodeFile(source: number, target: number, options: EncodeOptions = {}): Promise<Encoded> {
  const { size } = fstatSync(source);
  const layout = readLayout(source, size);
  if (layout.chunks.length > maxChunks) throw new CacheError('TOO_LARGE', 'the file is too large to be compressed');
  const memory = createChunkMemory(chunkBytes);
  const hash = createHash('sha256');
  const chunks: Chunk[] = [];
  const derived = new DerivedChunks(options.bases ?? [], (options.bases ?? []).length > 0 ? readTensors(source, size) : []);
  const frames: { size: number; contentSize: number }[] = [];
  let [done, written] = [0, 0];
  for (const run of layout.chunks) {
    stopIfCancelled(options);
    const bytes = memory.raw.subarray(0, run.size);
    if (readAt(source, bytes, done) < run.size)
      throw new CacheError('SOURCE_CHANGED', 'the file became shorter while it was read');
    hash.update(bytes);
    options.onBytes?.(bytes);
    const encoded = await derived.encode(memory, run, done);
    writeAt(target, encoded.bytes, written);
    chunks.push(encoded.chunk);
    frames.push(...frameSizes(encoded.chunk).map((contentSize, k) => ({ size: encoded.frames[k] ?? 0, contentSize })));
    done += run.size;
    written += encoded.bytes.length;
    options.onProgress?.(done, size);
    await (options.turn?.(run.size) ?? nextTurn());
  }
  const sha256 = hash.digest('hex');
  const bases = derived.used;
  const metadata = { format: formatName, version: formatVersion, size, sha256, about: {}, chunks } as const;
  const requires = chunks.some(needsNumbers) ? ['base', 'numbers'] : ['base'];
  const standing = bases.length > 0 ? { requires, bases } : { requires: [] };
  const tail = buildTail(frames, { ...metadata, ...standing });
  writeAt(target, tail, written);
  return { size, storedSize: written + tail.length, sha256, ...(bases.length > 0 && { bases }) };
}
