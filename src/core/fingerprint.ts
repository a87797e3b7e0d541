import type { Fingerprint } from './types.ts';

/** Size and mtime always; the inode where both sides know it (a client's stat and some network file systems do not). */
export function isSameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && (a.ino === null || b.ino === null || a.ino === b.ino);
}
