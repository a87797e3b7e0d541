import { chmodSync, closeSync, constants, copyFileSync, openSync } from 'node:fs';
import { writeAt } from '../codec/file-io.ts';
import type { OpenSource } from '../sources/driver.ts';
import { writing } from '../sources/io-errors.ts';
import { dropPartial, keepPartial } from '../tiers/partial.ts';
import type { BlockReader } from './block-readers.ts';
import { comparer, looksAlike } from './compare-files.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyOrder, DuplicateCopy } from './messages.ts';
import { sourceReader } from './source-reader.ts';

/** Minimum size of a cloned file, bytes: writing a smaller one is as fast as checking whether its blocks can be shared. */
export const leastCloned = 1024 * 1024;

/**
 * Begins the copy of a source that resembles another one as a clone of that one's copy, on file systems that can share blocks: a
 * separate file, with its own mtime, on the same blocks. Every byte of the source is read, hashed and compared; differing bytes are
 * written. Null when blocks cannot be shared, and when no copy resembles it.
 * @throws CacheError as `runCopyJob` does when the source or the disk fails
 */
export async function cloneDuplicate(
  source: OpenSource,
  order: CopyOrder,
  hooks: CopyHooks,
): Promise<(ReturnType<CopyHashes['digest']> & { readMs: number; resumedFrom: number }) | null> {
  const { reflinkCandidates, temp, identity } = order;
  const end = source.fingerprint.size;
  if (reflinkCandidates.length === 0 || keepPartial(temp) > 0 || !(await cloneOneOf(reflinkCandidates, temp, source)))
    return null;
  const file = writing(() => openSync(temp, 'r+'));
  let reader: BlockReader | undefined;
  try {
    const isSame = comparer(file);
    const write = (bytes: Uint8Array, position: number) => {
      if (!writing(() => isSame(bytes, position))) writing(() => writeAt(file, bytes, position));
    };
    const hashes = await CopyHashes.create(identity, source.proof);
    reader = sourceReader({ file: source, from: 0, end }, order);
    await eachBlock({ reader, hashes, from: 0, end, file: { write } }, hooks, async () => {});
    return { ...hashes.digest(), readMs: reader.readMs, resumedFrom: 0 };
  } finally {
    await reader?.close();
    closeSync(file);
  }
}

/**
 * Makes `temp` a new file on the blocks of another one. The flag forbids Node to fall back to copying, which can fail unnoticed.
 * @returns false when blocks cannot be shared
 */
export function cloneFile(path: string, temp: string): boolean {
  try {
    copyFileSync(path, temp, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
  } catch {
    return false;
  }
  chmodSync(temp, 0o600);
  return true;
}

async function cloneOneOf(candidates: readonly DuplicateCopy[], temp: string, source: OpenSource): Promise<boolean> {
  for (const { path } of candidates) {
    if (!cloneFile(path, temp)) continue;
    const fd = writing(() => openSync(temp, 'r'));
    try {
      if (await looksAlike(source, fd)) return true;
    } finally {
      closeSync(fd);
    }
    dropPartial(temp);
  }
  return false;
}
