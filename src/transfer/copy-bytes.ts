import type { OpenSource } from '../sources/driver.ts';
import type { BlockReader } from './block-readers.ts';
import type { CopyHashes } from './copy-hashes.ts';
import { assertWanted, type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyOrder, CopyReport } from './messages.ts';
import { PartialFile } from './partial-file.ts';
import { sourceReader } from './source-reader.ts';

export type Copied = ReturnType<CopyHashes['digest']> & Pick<CopyReport, 'readMs' | 'resumedFrom'>;

/** Copies and hashes the bytes of an open source from first to last; resumes an interrupted copy. */
export async function copyBytes(open: OpenSource, order: CopyOrder, hooks: CopyHooks): Promise<Copied> {
  const { source, temp, identity } = order;
  const end = source.fingerprint.size;
  const onChunk = (bytes: number) => {
    hooks.progress(bytes);
    assertWanted(hooks.signal);
  };
  const { file, at: from, hashes } = await PartialFile.open(temp, source, { open, identity, onChunk });
  let reader: BlockReader | undefined;
  try {
    if (from > 0) hooks.resuming(from);
    reader = sourceReader({ file: open, from, end }, order);
    await eachBlock({ reader, hashes, from, end, file }, hooks, () => file.checkpoint(hashes));
    return { ...hashes.digest(), readMs: reader.readMs, resumedFrom: from };
  } catch (error) {
    // On a full disk the previous journal stays.
    await file.interrupted(hashes).catch(() => {});
    throw error;
  } finally {
    // Writes in flight use the reader's memory.
    await file.close().finally(() => reader?.close());
  }
}
