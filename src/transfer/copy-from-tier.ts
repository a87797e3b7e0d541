import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { CompressedFile } from '../codec/compressed-file.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { asWriteError } from '../sources/io-errors.ts';
import { dropPartial } from '../tiers/partial.ts';
import { publish } from '../tiers/publish.ts';
import { type BlockReader, compressedReader, localReader } from './block-readers.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyReport, OriginCopy, RestoreOrder } from './messages.ts';
import { damaged, fromOrigin, openOrigin } from './origin.ts';
import { PartialFile } from './partial-file.ts';
import { assertReadsBack } from './read-back.ts';

/**
 * Makes a copy from another copy of the same bytes, without touching the source. The bytes are hashed as in any copy and must match
 * the origin's seal. An interrupted copy begins anew: the bytes it left have not been checked against that seal.
 * @throws CacheError CORRUPT when the origin does not match its seal; NO_SPACE, CACHE_IO or CANCELLED.
 */
export async function copyFromTier(order: RestoreOrder, hooks: CopyHooks): Promise<CopyReport> {
  const { source, temp, origin } = order;
  try {
    const { fd, proof } = openOrigin(origin);
    try {
      const waits = timed(hooks);
      const startedAt = performance.now();
      const { readMs, ...hashes } = await copyBytes(fd, order, waits.hooks);
      const busyMs = performance.now() - startedAt - waits.waitedMs();
      if (hashes.hash !== origin.hash) throw damaged('its bytes differ from the copied file');
      if (order.reread) await assertReadsBack({ path: order.temp, form: 'plain', hash: hashes.hash }, hooks);
      const seal = await publish({ ...order, ...hashes, sha256: proof.sha256, mtimeFrom: origin.path }).catch(asWriteError);
      const { size } = source.fingerprint;
      const report = { seal, hash: hashes.hash, sha256: proof.sha256, source: source.fingerprint, bytes: size, resumedFrom: 0 };
      return { ...report, readMs: origin.form === 'compressed' ? busyMs : readMs };
    } finally {
      closeSync(fd);
    }
  } finally {
    dropPartial(temp);
  }
}

async function copyBytes(fd: number, { source, temp, origin }: RestoreOrder, hooks: CopyHooks) {
  const end = source.fingerprint.size;
  const hashes = await CopyHashes.create(false);
  const file = PartialFile.create(temp, source);
  let reader: BlockReader | undefined;
  try {
    reader = fromOrigin(() => readerOf(fd, origin, end));
    await eachBlock({ reader, hashes, from: 0, end, file }, hooks, () => file.checkpoint(hashes));
    return { ...hashes.digest(), readMs: reader.readMs };
  } finally {
    // Writes under way use the reader's memory.
    await file.close().finally(() => reader?.close());
  }
}

function readerOf(fd: number, { path, form }: OriginCopy, end: number): BlockReader {
  const file = form === 'compressed' ? new CompressedFile(fd, path) : null;
  if (file && file.metadata.size !== end) {
    file[Symbol.dispose]();
    throw new Error('it is of another size');
  }
  const reader = file ? compressedReader(file, { fd, path }) : localReader({ file: readableFile(fd, path), from: 0, end });
  const whole = file?.metadata.bases ? createHash('sha256') : null;
  let done = 0;
  return {
    next: async (most, free) => {
      try {
        const bytes = await reader.next(most, free);
        done += bytes.length;
        // What is made of several files is checked by the SHA-256 of the original too.
        whole?.update(bytes);
        if (done === end && whole && whole.digest('hex') !== file?.metadata.sha256)
          throw new Error('its bytes differ from those whose SHA-256 it has');
        return bytes;
      } catch (error) {
        // A thread that has ended says nothing about the origin.
        throw error instanceof CacheError && error.code === 'INTERNAL' ? error : damaged(sentenceOf(error), error);
      }
    },
    get readMs() {
      return reader.readMs;
    },
    close: reader.close,
  };
}

/** The same hooks, with a clock that counts the time spent waiting for turns, ms. */
function timed(hooks: CopyHooks): { hooks: CopyHooks; waitedMs(): number } {
  let waited = 0;
  const ask = async (bytes: number) => {
    const from = performance.now();
    await hooks.ask(bytes);
    waited += performance.now() - from;
  };
  return { hooks: { ...hooks, ask }, waitedMs: () => waited };
}
