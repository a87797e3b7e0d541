import { hash } from 'node:crypto';

/**
 * A number that stands for a version, in the place of a file's ctime: like it, it is another one after every change, and no program
 * puts it back. 63 bits, never negative.
 */
export function changeMark(version: string): bigint {
  return hash('sha256', version, 'buffer').readBigUInt64BE() >> 1n;
}
