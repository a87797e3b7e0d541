import { closeSync, fstatSync, openSync, type Stats, statSync } from 'node:fs';
import { CacheError } from '../core/errors.ts';
import type { Fingerprint, SourceFile } from '../core/types.ts';
import { reading } from './io-errors.ts';

/**
 * Opens a source for reading, if it still is the file that was asked for.
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, or BAD_REQUEST for what is no plain file
 */
export function openSource({ path, fingerprint }: SourceFile): { fd: number; before: Fingerprint } {
  // Opening a pipe would wait for its other end, for ever.
  fingerprintOf(reading(() => statSync(path, { bigint: true })));
  const fd = reading(() => openSync(path, 'r'));
  try {
    const before = fingerprintOf(reading(() => fstatSync(fd, { bigint: true })));
    if (before.size === fingerprint.size && before.mtimeNs === fingerprint.mtimeNs) return { fd, before };
    throw new CacheError('SOURCE_CHANGED', `${path} is not the file that was asked for any more`);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The open file must not have changed, and the name must still lead to it. @throws CacheError SOURCE_CHANGED */
export function assertUnchanged(fd: number, before: Fingerprint, path: string): void {
  for (const now of [reading(() => fstatSync(fd, { bigint: true })), reading(() => statSync(path, { bigint: true }))]) {
    const after = fingerprintOf(now);
    if (after.size !== before.size || after.mtimeNs !== before.mtimeNs || after.ino !== before.ino) {
      throw new CacheError('SOURCE_CHANGED', `${path} changed while it was copied`);
    }
  }
}

function fingerprintOf(stat: { size: bigint; mtimeNs: bigint; ino: bigint; isFile: Stats['isFile'] }): Fingerprint {
  if (!stat.isFile()) throw new CacheError('BAD_REQUEST', 'only regular files are cached');
  return { size: Number(stat.size), mtimeNs: String(stat.mtimeNs), ino: String(stat.ino) };
}
