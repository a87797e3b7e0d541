import type { Fingerprint } from './types.ts';

/** Size and mtime always; inode and ctime where both sides know them (a client's stat and some network file systems do not). */
export function isSameFingerprint(a: Fingerprint, b: Fingerprint): boolean {
  const isSameInode = a.ino === null || b.ino === null || a.ino === b.ino;
  const isSameTime = a.ctimeNs === undefined || b.ctimeNs === undefined || a.ctimeNs === b.ctimeNs;
  return a.size === b.size && a.mtimeNs === b.mtimeNs && isSameInode && isSameTime;
}

const second = 1_000_000_000n;
/**
 * Steps in which file systems keep times, ms. Whole seconds are those of FAT (2 s), HFS+ and ext3 (1 s); finer are exFAT (10 ms) and Linux
 * before 6.13 (up to 10 ms).
 */
const wholeStep = 2000;
const fineStep = 20;

/**
 * Time until any further write gives a file another fingerprint, ms: a write within the same step of its file system's clock changes
 * nothing in it. Assumes that this clock is not behind `now`.
 * @param now ms since 1970
 */
export function settlesIn({ mtimeNs, ctimeNs }: Fingerprint, now: number): number {
  const times = [mtimeNs, ctimeNs ?? mtimeNs].map(BigInt);
  const whole = times.filter((time) => time % second === 0n);
  const [last, step] = whole.length > 0 ? [whole, wholeStep] : [times, fineStep];
  const age = now - Math.max(...last.map((time) => Number(time / 1_000_000n)));
  return Math.max(0, Math.min(step, step - age));
}
