import { closeSync, fstatSync, openSync } from 'node:fs';
import { CacheError, toCacheError } from '../core/errors.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { writing } from '../sources/io-errors.ts';
import { diskReader } from './block-readers.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyOrder, RestoreOrder } from './messages.ts';

/**
 * Where it is wanted, reads a finished copy back before it gets its name, from the disk itself where the page cache can be passed.
 * @param hash of what was read from the source
 * @throws CacheError CACHE_IO when the disk gives other bytes or none, CANCELLED
 */
export async function assertWritten({ temp, reread }: CopyOrder | RestoreOrder, hash: string, hooks: CopyHooks): Promise<void> {
  if (!reread) return;
  const fd = writing(() => openSync(temp, 'r'));
  try {
    const end = fstatSync(fd).size;
    const reader = writing(() => diskReader({ file: readableFile(fd, temp), from: 0, end }));
    try {
      const hashes = await CopyHashes.create(false);
      // Neither the source nor a rate is concerned, and the copy is as far as it was.
      const unpaced = { ...hooks, progress: () => {}, paced: () => false };
      await eachBlock({ reader, hashes, from: 0, end }, unpaced, async () => {});
      if (hashes.digest().hash !== hash) throw new CacheError('CACHE_IO', 'the disk does not give back what was written to it');
    } finally {
      await reader.close();
    }
  } catch (error) {
    // The reader takes whatever it reads for a source.
    const { code, message } = toCacheError(error);
    throw code === 'CANCELLED' ? error : new CacheError('CACHE_IO', message, { cause: error });
  } finally {
    closeSync(fd);
  }
}
