import type { Clock } from '../../runtime/clock.ts';
import type { Found } from '../find.ts';
import { storeInRoom } from '../namespace-room.ts';
import type { Store } from '../store.ts';
import { storeBlob } from '../store-blob.ts';
import { mostInRow } from '../values.ts';
import type { Framed } from './frame.ts';

/** A value from Redis, with its times by the clock of this machine. */
export interface Arrived {
  framed: Framed;
  createdAt: number;
  freshUntil: number | null;
  endsAt: number | null;
}

/** @param elapsedMs time since it was written */
export function arrived(framed: Framed, elapsedMs: number, now: number): Arrived {
  const { ageMs, freshMs, endsMs } = framed.head;
  const at = (ms: number | null) => (ms === null ? null : now + ms - elapsedMs);
  return { framed, createdAt: now - ageMs - elapsedMs, freshUntil: at(freshMs), endsAt: at(endsMs) };
}

/**
 * Stores a value from Redis, so that it is a local hit from now on.
 * @param isValid asked last, in the turn in which it is stored
 * @returns whether it is stored; false also for lack of room @throws CacheError HASH_MISMATCH when a blob does not match its name
 */
export async function keep(
  store: Store,
  { framed, createdAt, freshUntil, endsAt }: Arrived,
  isValid: () => boolean,
): Promise<boolean> {
  const { head, text, blobs: bytes } = framed;
  const { ns, key, kind, costMs, tags, deps } = head;
  const isLong = Buffer.byteLength(text) > mostInRow;
  const all = isLong ? [...bytes, Buffer.from(text)] : bytes;
  const names = head.blobs.map(({ sha256 }) => sha256);
  const blobs = [];
  for (const [index, blob] of all.entries()) {
    const sha256 = names[index] ?? null;
    blobs.push(await storeBlob(store, { bytes: [blob], size: blob.length, sha256, most: blob.length }));
  }
  const isInRow = !isLong && (kind === 'json' || kind === 'doc');
  const inline = isInRow ? Buffer.byteLength(text) : 0;
  const total = blobs.reduce((sum, { seal }) => sum + seal.size, inline);
  const body = isLong ? (blobs.at(-1)?.sha256 ?? null) : null;
  const unique = [...new Map(blobs.map((blob) => [blob.sha256, blob])).values()];
  let isHere = false;
  await storeInRoom(store, { ns, key, bytes: total, inline }, () => {
    if (!isValid()) return;
    isHere = true;
    // A result that came here meanwhile is the newer one.
    if (store.find(ns, key)) return;
    store.put({
      value: { kind, bytes: total, blobs: unique, body, doc: body ? null : text },
      ...{ ns, key, tags, deps, costMs, createdAt, freshUntil, endsAt, label: null, isShared: true },
      epoch: store.namespaces.of(ns).epoch,
    });
  });
  return isHere;
}

/** The same without storing it: for lack of room, and in a read-only cache. Null for a value that needs a file. */
export function unkept({ framed, createdAt, freshUntil, endsAt }: Arrived, clock: Clock): Found | null {
  const { head, text } = framed;
  const now = clock.now();
  if (head.kind !== 'json' || (endsAt !== null && endsAt <= now)) return null;
  const bytes = Buffer.byteLength(text);
  return {
    state: freshUntil === null || now < freshUntil ? 'hit' : 'stale',
    layer: 'redis',
    entry: { costMs: head.costMs, bytes },
    ageMs: Math.max(0, now - createdAt),
    result: { key: head.key, kind: head.kind, text, blobs: [], body: null, bytes },
  };
}
