import { CacheError } from '../core/errors.ts';
import { formatBytes } from '../core/format.ts';
import { meaningOf } from '../runtime/errnos.ts';
import type { UnfinishedBlob } from './blob-files.ts';
import type { Blob } from './blobs.ts';
import type { Reservation } from './room.ts';
import type { Store } from './store.ts';

/** A program that has put a blob has so long to store its result, ms. */
export const keptMs = 10 * 60_000;
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

/** Gives a file that was written its name, unless the same bytes are here already. @throws CacheError HASH_MISMATCH, CONFLICT */
export async function finishBlob(store: Store, unfinished: UnfinishedBlob, expected: string | null): Promise<Blob> {
  const { sha256 } = await unfinished.finish();
  if (expected !== null && sha256 !== expected) throw new CacheError('HASH_MISMATCH', `the bytes have the SHA-256 ${sha256}`);
  store.uploads.keep(sha256, keptMs);
  return soundBlob(store, sha256) ?? store.publisher.publish(unfinished, sha256);
}

/** @throws CacheError NO_SPACE for a full disk, and else what was thrown */
export function whyNot(error: unknown): never {
  if (meaningOf(error) === 'full') throw new CacheError('NO_SPACE', 'the disk is full', { cause: error });
  throw error;
}

/** A blob that is here. */
export function soundBlob(store: Store, sha256: string): Blob | undefined {
  const blob = store.blobs.find(sha256);
  return blob && store.isSound(blob) ? blob : undefined;
}

/** The same, for a result that is to come: it stays until then, or for a while. */
export function keptBlob(store: Store, sha256: string): Blob | undefined {
  const blob = soundBlob(store, sha256);
  if (blob) store.uploads.keep(sha256, keptMs);
  return blob;
}
