import { hash } from 'node:crypto';

/**
 * A number derived from a version, used as a ctime: like a ctime, it differs after every change, and no program can restore it.
 * 63 bits, never negative.
 */
export function changeMark(version: string): bigint {
  return hash('sha256', version, 'buffer').readBigUInt64BE() >> 1n;
}
