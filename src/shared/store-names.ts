import { type NamedSource, sourceDigestOf } from '../core/source-name.ts';

/** Holds contents by their SHA-256. */
export const contentsFolder = 'sha256/';
/** Holds, for each source, notes on its content. */
export const sourcesFolder = 'sources/';

/** Holds, for each content that a host without a farm is writing, its claim of room. */
export const reservedFolder = 'reserved/';

/** A content that a host is about to write. */
export interface RoomClaim {
  sha256: string;
  bytes: number;
  /** A name of the host, kept over its restarts. */
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

/** The SHA-256 in the key of a content; null for any other object. */
export function sha256In(key: string): string | null {
  const [, start, sha256 = ''] = /^sha256\/([\da-f]{2})\/([\da-f]{64})$/.exec(key) ?? [];
  return start !== undefined && sha256.startsWith(start) ? sha256 : null;
}

/** A note for other hosts on the content of a source, with size and mtime (ns) of the source. */
export interface SourceNote {
  sha256: string;
  size: number;
  mtimeNs: string;
}

/** The folder of a source's notes, one for each content that it had. */
export function notesFolder(source: NamedSource): string {
  return `${sourcesFolder}${sourceDigestOf(source)}/`;
}

/** The key of a note. The key holds all its fields, so that a listing is enough to read it. */
export function noteKey(source: NamedSource, { sha256, size, mtimeNs }: SourceNote): string {
  return `${notesFolder(source)}${sha256}-${size}-${mtimeNs}`;
}

/** @returns null for any other object: others may write into the bucket */
export function noteIn(key: string): (SourceNote & { folder: string }) | null {
  const [, folder = '', sha256 = '', size = '', mtimeNs = ''] =
    /^(sources\/[\da-f]{64}\/)([\da-f]{64})-(\d{1,15})-(-?\d{1,20})$/.exec(key) ?? [];
  return folder === '' ? null : { folder, sha256, size: Number(size), mtimeNs };
}
