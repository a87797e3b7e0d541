import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { meaningOf } from '../runtime/errnos.ts';
import type { Blob } from './blobs.ts';
import type { Reservation } from './room.ts';
import type { Store } from './store.ts';

/** A program that has put a blob has so long to store its result, ms. */
const keptMs = 10 * 60_000;
/** Of bytes whose number nobody said, room is made for so many at a time. */
const step = 8 * 2 ** 20;

export interface Incoming {
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** As the sender says; null when it does not. */
  size: number | null;
  /** The name that it must have; null = the one that it has. */
  sha256: string | null;
  /** Most bytes. */
  most: number;
}

/**
 * Stores bytes under their hash. Room is reserved before they are written, and nothing is kept of those that are not what was said.
 * @throws CacheError BODY_TOO_LARGE, NO_SPACE, HASH_MISMATCH
 */
export async function storeBlob(store: Store, { bytes, size, sha256, most }: Incoming): Promise<Blob> {
  const reserved: Reservation[] = [];
  let promised = 0;
  const promise = async (total: number) => {
    if (total > most)
      throw new CacheError('BODY_TOO_LARGE', `a blob has at most ${formatBytes(most)}`, { hint: 'AUTOCACHE_MEMO_MAX_VALUE' });
    if (total <= promised) return;
    const more = size === null ? Math.max(step, total - promised) : total - promised;
    const reservation = await store.room.reserve(more, 0);
    if (!reservation)
      throw new CacheError('NO_SPACE', 'there is no room for this blob', {
        hint: 'AUTOCACHE_MEMO_LIMIT is the limit of results.',
      });
    reserved.push(reservation);
    promised += more;
  };
  try {
    await promise(size ?? 0);
    const unfinished = await store.files.begin();
    try {
      let written = 0;
      for await (const chunk of bytes) {
        written += chunk.length;
        await promise(written);
        await unfinished.write(chunk);
      }
      const found = await unfinished.finish();
      if (sha256 !== null && found.sha256 !== sha256)
        throw new CacheError('HASH_MISMATCH', `the bytes have the SHA-256 ${found.sha256}`);
      return await publish(store, unfinished, found.sha256);
    } finally {
      await unfinished.drop();
    }
  } catch (error) {
    if (meaningOf(error) === 'full') throw new CacheError('NO_SPACE', 'the disk is full', { cause: error });
    throw error;
  } finally {
    for (const one of reserved) one[Symbol.dispose]();
  }
}

async function publish(store: Store, unfinished: Parameters<Store['publish']>[0], sha256: string): Promise<Blob> {
  store.uploads.keep(sha256, keptMs);
  return soundBlob(store, sha256) ?? store.publish(unfinished, sha256);
}

/** A blob that is here. */
export function soundBlob({ blobs, files }: Store, sha256: string): Blob | undefined {
  const blob = blobs.find(sha256);
  return blob && files.isSealed(sha256, blob.seal) ? blob : undefined;
}

/** The same, for a result that is to come: it stays until then, or for a while. */
export function keptBlob(store: Store, sha256: string): Blob | undefined {
  const blob = soundBlob(store, sha256);
  if (blob) store.uploads.keep(sha256, keptMs);
  return blob;
}
