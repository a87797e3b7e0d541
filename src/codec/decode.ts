import { createHash } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { CompressedFile } from './compressed-file.ts';
import { corrupt } from './corrupt.ts';
import { writeAt } from './file-io.ts';
import type { Metadata } from './format.ts';
import { type CodecHooks, stopIfCancelled } from './progress.ts';

export interface DecodeOptions extends CodecHooks {
  /**
   * `whole` (the default) compares the SHA-256 of all bytes with the one in the metadata at the end. `chunks` skips that, for a
   * caller that hashes in `onBytes` itself. Both check the CRC-32 of every chunk.
   */
  check?: 'whole' | 'chunks';
  /** Path of the compressed file; needed if it stands on others. */
  path?: string;
}

/**
 * Restores the original from its compressed form, byte for byte, one chunk after the other.
 * @param source an open compressed file
 * @param target an open empty file, not to be used before this returns; null checks the source and writes nothing
 * @throws CacheError CORRUPT, BAD_REQUEST (written by a later version), CANCELLED; errors of the file system unchanged
 */
export async function decodeFile(source: number, target: number | null, options: DecodeOptions = {}): Promise<Metadata> {
  using file = new CompressedFile(source, options.path);
  const { metadata } = file;
  const hash = options.check === 'chunks' ? null : createHash('sha256');
  let done = 0;
  for (const index of metadata.chunks.keys()) {
    stopIfCancelled(options);
    const bytes = await file.chunk(index);
    hash?.update(bytes);
    options.onBytes?.(bytes);
    if (target !== null) writeAt(target, bytes, done);
    done += bytes.length;
    options.onProgress?.(done, metadata.size);
    await (options.turn?.(bytes.length) ?? nextTurn());
  }
  if (hash && hash.digest('hex') !== metadata.sha256) {
    throw corrupt('the restored file does not match its SHA-256');
  }
  return metadata;
}
