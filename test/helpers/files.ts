import { randomBytes } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, statSync, utimesSync, writeFileSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { makeSafetensors } from '../../bench/weights.ts';
import type { Fingerprint } from '../../src/core/types.ts';

/** Writes a file of random bytes with an mtime in the past, as of an older download. */
export function writeModel(path: string, size: number): Buffer {
  const bytes = randomBytes(size);
  writeModelBytes(path, bytes);
  return bytes;
}

function writeModelBytes(path: string, bytes: Buffer): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  utimesSync(path, 1_700_000_000, 1_700_000_000.123456);
}

/**
 * The same with weights that compress by a third: bf16, with noise in all bits but the exponent's.
 * @param base a file of this size that it is to be a fine-tune of: only the two lowest bits of each weight differ
 */
export function writeWeights(path: string, size: number, base: Buffer | null = null): Buffer {
  const weights = randomBytes(size);
  const before = base?.subarray(-size);
  for (let at = 1; at < size; at += 2) {
    if (before) weights[at - 1] = ((before[at - 1] ?? 0) & 0xfc) | ((weights[at - 1] ?? 0) & 3);
    weights[at] = before?.[at] ?? 0x3c | ((weights[at] ?? 0) & 0x81);
  }
  const bytes = Buffer.from(makeSafetensors([{ name: 'blocks.0.weight', dtype: 'BF16', bytes: weights }]));
  writeModelBytes(path, bytes);
  return bytes;
}

/** Flips one bit as a failing disk does: no change shows in a stat. */
export function flipBit(path: string, position: number): void {
  const { mtimeNs } = statSync(path, { bigint: true });
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, position);
  writeSync(file, Buffer.of((byte[0] ?? 0) ^ 4), 0, 1, position);
  closeSync(file);
  const seconds = Number(mtimeNs / 1000n) / 1e6;
  utimesSync(path, seconds, seconds);
}

export function fingerprintOf(path: string): Fingerprint {
  const stat = statSync(path, { bigint: true });
  return { size: Number(stat.size), mtimeNs: String(stat.mtimeNs), ino: String(stat.ino) };
}
