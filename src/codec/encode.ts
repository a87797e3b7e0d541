import { createHash } from 'node:crypto';
import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CacheError } from '../core/errors.ts';
import { encodeChunk, encodedBound } from './chunk-codec.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { readAt, writeAt } from './file-io.ts';
import { type Chunk, chunkBytes, formatName, formatVersion, frameSizes, maxChunks } from './format.ts';
import { readLayout } from './layout.ts';
import { buildTail } from './tail.ts';

/** What may be watched while a file is encoded or decoded. All sizes are bytes of the original file. */
export interface CodecHooks {
  onProgress?(bytesDone: number, bytesTotal: number): void;
  /** Sees all original bytes in order, for a hash of the caller's own; they are overwritten afterwards. */
  onBytes?(bytes: Uint8Array): void;
  signal?: AbortSignal | undefined;
}

export interface Encoded {
  /** Bytes of the original and of what was written. */
  size: number;
  storedSize: number;
  /** Of the original, hexadecimal. */
  sha256: string;
}

/**
 * Writes the compressed form of a model file (`format.ts`) into an empty file. Works through one chunk after the other, with less
 * than 20 MiB of memory for a file of any size, and lets other work in between.
 * @param source an open file  @param target an open empty file; syncing and publishing it is the caller's
 * @param options.about kept in the metadata and given back by `openCompressed`
 * @throws CacheError SOURCE_CHANGED, CANCELLED, TOO_LARGE, BAD_CONFIG; errors of the file system as they are
 */
export async function encodeFile(
  source: number,
  target: number,
  options: CodecHooks & { about?: Record<string, unknown> } = {},
): Promise<Encoded> {
  const { size } = fstatSync(source);
  const layout = readLayout(source, size);
  if (layout.chunks.length > maxChunks) throw new CacheError('TOO_LARGE', 'the file is too large to be compressed');
  const memory = createChunkMemory(chunkBytes);
  const output = new Uint8Array(encodedBound(chunkBytes));
  const hash = createHash('sha256');
  const chunks: Chunk[] = [];
  const frames: { size: number; contentSize: number }[] = [];
  let read = 0;
  let written = 0;
  for (const run of layout.chunks) {
    stopIfCancelled(options.signal);
    const bytes = memory.raw.subarray(0, run.size);
    if (readAt(source, bytes, read) < run.size)
      throw new CacheError('SOURCE_CHANGED', 'the file became shorter while it was read');
    hash.update(bytes);
    options.onBytes?.(bytes);
    const encoded = encodeChunk(memory, run, output);
    const contentSizes = frameSizes(encoded.chunk);
    frames.push(...encoded.frames.map((frame, k) => ({ size: frame, contentSize: contentSizes[k] ?? 0 })));
    chunks.push(encoded.chunk);
    const length = encoded.frames.reduce((sum, frame) => sum + frame, 0);
    writeAt(target, output.subarray(0, length), written);
    read += run.size;
    written += length;
    options.onProgress?.(read, size);
    await nextTurn();
  }
  const sha256 = hash.digest('hex');
  const about = options.about ?? {};
  const tail = buildTail(frames, { format: formatName, version: formatVersion, requires: [], size, sha256, about, chunks });
  writeAt(target, tail, written);
  return { size, storedSize: written + tail.length, sha256 };
}

export function stopIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new CacheError('CANCELLED', 'the work was cancelled', { cause: signal.reason });
}
