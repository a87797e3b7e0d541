import { createHash } from 'node:crypto';
import type { SourceFile } from '../core/types.ts';

/** Contents lie below it by their SHA-256. */
export const contentsFolder = 'sha256/';
/** Below it lies, for each source, what its content is. */
const sourcesFolder = 'sources/';

/** Below it lies, for each content that a host without a farm is writing, how much room that takes. */
export const reservedFolder = 'reserved/';

/** A content that a host is about to write. */
export interface RoomClaim {
  sha256: string;
  bytes: number;
  /** A name of the host in this run. */
  host: string;
}

export function claimKey({ sha256, host, bytes }: RoomClaim): string {
  return `${reservedFolder}${sha256}-${host}-${bytes}`;
}

/** @returns null for any other object */
export function claimIn(key: string): RoomClaim | null {
  const [, sha256 = '', host = '', bytes = ''] = /^reserved\/([\da-f]{64})-([\da-f]{8})-(\d{1,15})$/.exec(key) ?? [];
  return sha256 === '' ? null : { sha256, host, bytes: Number(bytes) };
}

/** The key of a content. */
export function contentKey(sha256: string): string {
  return `${contentsFolder}${sha256.slice(0, 2)}/${sha256}`;
}

/** The SHA-256 that a key stands for; null for any other object. */
export function sha256In(key: string): string | null {
  const [, start, sha256 = ''] = /^sha256\/([\da-f]{2})\/([\da-f]{64})$/.exec(key) ?? [];
  return start !== undefined && sha256.startsWith(start) ? sha256 : null;
}

/**
 * The key under which hosts tell each other what a source's content is. Roots lie elsewhere on each host, so that it is named by its
 * category and the path below that, with its size and its time to the nanosecond: what makes a source the same one on a single host.
 */
export function sourceKey({ rel, category, fingerprint: { size, mtimeNs } }: SourceFile): string {
  const path = rel.replaceAll('\\', '/');
  const named = category === null || path.startsWith(`${category}/`) ? path : `${category}/${path}`;
  return `${sourcesFolder}${createHash('sha256')
    .update(JSON.stringify([named, size, mtimeNs]))
    .digest('hex')}`;
}

/** What lies under such a key. */
export interface SourceNote {
  sha256: string;
  size: number;
}

export function noteText(note: SourceNote): string {
  return JSON.stringify(note);
}

/** @returns null for a text that is no note: others may write into the bucket */
export function noteIn(text: string): SourceNote | null {
  try {
    const { sha256, size } = Object(JSON.parse(text));
    const isWhole = typeof sha256 === 'string' && /^[\da-f]{64}$/.test(sha256) && Number.isSafeInteger(size) && size >= 0;
    return isWhole ? { sha256, size } : null;
  } catch {
    return null;
  }
}
