import type { Fingerprint } from './types.ts';

/** Size and mtime always; inode and ctime where both sides know them (a client's stat and some network file systems do not). */
export function isSameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  const isSameInode = a.ino === null || b.ino === null || a.ino === b.ino;
  const isSameTime = a.ctimeNs === undefined || b.ctimeNs === undefined || a.ctimeNs === b.ctimeNs;
  return a.size === b.size && a.mtimeNs === b.mtimeNs && isSameInode && isSameTime;
}
