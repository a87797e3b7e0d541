import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { meaningOf } from '../runtime/errnos.ts';
import type { UnfinishedBlob } from './blob-files.ts';
import type { Blob } from './blobs.ts';
import type { Reservation } from './room.ts';
import type { Store } from './store.ts';

/** Time that a program has to store its result after it has put a blob, ms. */
export const keptMs = 10 * 60_000;
/** Size of one reservation for a stream of unknown length, bytes. */
const step = 8 * 2 ** 20;

export interface Incoming {
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
  /** The size announced by the sender; null = unknown. */
  size: number | null;
  /** The expected name; null = any. */
  sha256: string | null;
  /** Maximum bytes. */
  most: number;
}

/**
 * Stores bytes under their hash. Room is reserved before they are written, and bytes that differ from the announcement are dropped.
 * @throws CacheError BODY_TOO_LARGE, NO_SPACE, HASH_MISMATCH
 */
export async function storeBlob(store: Store, { bytes, size, sha256, most }: Incoming): Promise<Blob> {
  const reserved: Reservation[] = [];
  let promised = 0;
  const promise = async (total: number) => {
    assertSize(total, most);
    if (total <= promised) return;
    const more = size === null ? Math.max(step, total - promised) : total - promised;
    reserved.push(await roomFor(store, more));
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
      return await finishBlob(store, unfinished, sha256);
    } finally {
      await unfinished.drop();
    }
  } catch (error) {
    return whyNot(error);
  } finally {
    for (const one of reserved) one[Symbol.dispose]();
  }
}

/** @throws CacheError BODY_TOO_LARGE */
export function assertSize(bytes: number, most: number): void {
  if (bytes > most)
    throw new CacheError('BODY_TOO_LARGE', `a blob has at most ${formatBytes(most)}`, { hint: 'AUTOCACHE_MEMO_MAX_VALUE' });
}

/** @throws CacheError NO_SPACE */
export async function roomFor({ room }: Store, bytes: number): Promise<Reservation> {
  const reservation = await room.reserve(bytes, 0);
  if (reservation) return reservation;
  throw new CacheError('NO_SPACE', 'there is no room for this blob', { hint: 'AUTOCACHE_MEMO_LIMIT is the limit of results.' });
}

/** Gives a written file its name, unless the same bytes are stored already. @throws CacheError HASH_MISMATCH, CONFLICT */
export async function finishBlob(store: Store, unfinished: UnfinishedBlob, expected: string | null): Promise<Blob> {
  const { sha256 } = await unfinished.finish();
  if (expected !== null && sha256 !== expected) throw new CacheError('HASH_MISMATCH', `the bytes have the SHA-256 ${sha256}`);
  store.uploads.keep(sha256, keptMs);
  return soundBlob(store, sha256) ?? store.publisher.publish(unfinished, sha256);
}

/** @throws CacheError NO_SPACE for a full disk, and else the given error */
export function whyNot(error: unknown): never {
  if (meaningOf(error) === 'full') throw new CacheError('NO_SPACE', 'the disk is full', { cause: error });
  throw error;
}

/** A present blob. */
export function soundBlob(store: Store, sha256: string): Blob | undefined {
  const blob = store.blobs.find(sha256);
  return blob && store.isSound(blob) ? blob : undefined;
}

/** The same for a result that is still to come: the blob stays until then, or for `keptMs`. */
export function keptBlob(store: Store, sha256: string): Blob | undefined {
  const blob = soundBlob(store, sha256);
  if (blob) store.uploads.keep(sha256, keptMs);
  return blob;
}
