import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Fingerprint } from '../../src/core/types.ts';

/** Writes a file of random bytes with an mtime in the past, as a model that was downloaded some time ago. */
export function writeModel(path: string, size: number): Buffer {
  const bytes = randomBytes(size);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
  utimesSync(path, 1_700_000_000, 1_700_000_000.123456);
  return bytes;
}

export function fingerprintOf(path: string): Fingerprint {
  const stat = statSync(path, { bigint: true });
  return { size: Number(stat.size), mtimeNs: String(stat.mtimeNs), ino: String(stat.ino) };
}
