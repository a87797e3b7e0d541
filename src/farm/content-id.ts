import { createHash } from 'node:crypto';
import { basename } from 'node:path';
import { CacheError } from '../core/errors.ts';
import type { Fingerprint } from '../core/types.ts';
import type { ReadableFile } from '../sources/driver.ts';
import { readFully } from '../sources/read-fully.ts';

/** Bytes read from each end of a file, and from each block between them. */
const endBytes = 64 * 1024;
const blockBytes = 4 * 1024;
const blocks = 16;

/**
 * The name of a content in a farm, the same on all hosts whatever their paths: 64 hexadecimal digits. It is made from the strongest known
 * identity: the published SHA-256, the object of a store with its version, or 192 KiB of a file with its name, size and time. Two files
 * with one name do no harm: bytes from other hosts are compared with the own source.
 */
export async function contentIdOf(
  file: Pick<ReadableFile, 'path' | 'read'> & { fingerprint: Pick<Fingerprint, 'size' | 'mtimeNs'> },
  known: { published: string | null; object: string | null },
): Promise<string> {
  if (known.published !== null) return publishedId(known.published);
  if (known.object !== null) return nameOf(`object\n${known.object}`);
  const { size, mtimeNs } = file.fingerprint;
  // Seconds: the precision that file systems and protocols between a host and its NAS keep.
  const seconds = BigInt(mtimeNs) / 1_000_000_000n;
  const hash = createHash('sha256').update(`file\n${size}\n${seconds}\n${basename(file.path)}\n`);
  for (const [at, length] of partsOf(size)) {
    const bytes = Buffer.allocUnsafe(length);
    if ((await readFully(file, bytes, at)) < length) {
      throw new CacheError('SOURCE_CHANGED', `${file.path} became shorter while it was looked at`);
    }
    hash.update(bytes);
  }
  return hash.digest('hex');
}

/** The name of a content whose SHA-256 is published. */
export function publishedId(sha256: string): string {
  return nameOf(`sha256\n${sha256}`);
}

function nameOf(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function* partsOf(size: number): Iterable<[at: number, length: number]> {
  const ends = Math.min(size, endBytes);
  yield [0, ends];
  if (size <= endBytes) return;
  for (let block = 1; block <= blocks; block++) {
    const at = Math.floor((size / (blocks + 1)) * block);
    yield [at, Math.min(blockBytes, size - at)];
  }
  yield [size - ends, ends];
}
