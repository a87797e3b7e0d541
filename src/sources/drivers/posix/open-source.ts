import { type BigIntStats, closeSync, existsSync, fstatSync, openSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { CacheError } from '../../../core/errors.ts';
import { settlesIn } from '../../../core/fingerprint.ts';
import type { Fingerprint, SourceFile } from '../../../core/types.ts';
import { notesOfDownload } from '../../../weights/extensions.ts';
import type { DriverTraits, OpenSource } from '../../driver.ts';
import { reading } from '../../io-errors.ts';
import { readableFile } from './readable-file.ts';

/**
 * Waits up to 2 s for the clock of a file that was written a moment ago, so that each later write shows in its fingerprint.
 * @throws CacheError as `SourceDriver.open` does
 */
export async function openSource({ path, fingerprint: wanted }: SourceFile, traits: DriverTraits): Promise<OpenSource> {
  // Opening a pipe would wait for its other end without limit.
  const young = settlesIn(fingerprintOf(reading(() => statSync(path, { bigint: true }))), Date.now());
  if (young > 0) await sleep(young);
  const notes = notesOfDownload(path).find(existsSync);
  if (notes !== undefined) throw new CacheError('IN_USE', `${path} is still being downloaded: ${notes} exists`);
  const fd = reading(() => openSync(path, 'r'));
  try {
    const before = reading(() => fstatSync(fd, { bigint: true }));
    const fingerprint = fingerprintOf(before);
    if (fingerprint.size !== wanted.size || fingerprint.mtimeNs !== wanted.mtimeNs) {
      throw new CacheError('SOURCE_CHANGED', `${path} has changed since it was asked for`);
    }
    return {
      ...readableFile(fd, path),
      traits,
      fingerprint,
      assertUnchanged: async () => assertUnchanged(fd, path, before),
      close: async () => closeSync(fd),
    };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

function assertUnchanged(fd: number, path: string, before: BigIntStats): void {
  const open = reading(() => fstatSync(fd, { bigint: true }));
  const named = reading(() => statSync(path, { bigint: true }));
  // A program that writes into a file can restore its size and mtime, but not its ctime.
  if (open.ctimeNs === before.ctimeNs && [open, named].every((now) => isSame(fingerprintOf(now), fingerprintOf(before))))
    return;
  throw new CacheError('SOURCE_CHANGED', `${path} changed while it was copied`);
}

function isSame(a: Fingerprint, b: Fingerprint): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs && a.ino === b.ino;
}

function fingerprintOf(stat: BigIntStats): Fingerprint {
  if (!stat.isFile()) throw new CacheError('BAD_REQUEST', 'only regular files are cached');
  const { size, mtimeNs, ctimeNs, ino } = stat;
  return { size: Number(size), mtimeNs: String(mtimeNs), ctimeNs: String(ctimeNs), ino: String(ino) };
}
