import { createHash } from 'node:crypto';
import { closeSync } from 'node:fs';
import { hashOverChunks } from '../codec/chunk-hash.ts';
import { CompressedFile } from '../codec/compressed-file.ts';
import { readTail } from '../codec/footer.ts';
import type { Metadata } from '../codec/format.ts';
import { sentenceOf } from '../core/errors.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { asWriteError } from '../sources/io-errors.ts';
import { dropPartial } from '../tiers/partial.ts';
import { publish } from '../tiers/publish.ts';
import { type BlockReader, BusyTime, compressedReader, localReader } from './block-readers.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { CopyReport, RestoreOrder } from './messages.ts';
import { damaged, fromOrigin, openOrigin } from './origin.ts';
import { createAnew, PartialFile } from './partial-file.ts';
import { assertReadsBack } from './read-back.ts';
import { type RestorePlan, restoreParts } from './restore-parts.ts';

/** Minimum size of a restore on several threads, bytes: a smaller one ends before threads have started. */
const leastInParts = 128 * 1024 * 1024;

/** The hashes of the copied bytes, and the time of the reads, ms. */
type CopiedFromTier = Pick<CopyReport, 'readMs'> & { hash: string; chunks: string[] };

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

async function copyBytes(fd: number, { source, temp, origin }: RestoreOrder, hooks: CopyHooks): Promise<CopiedFromTier> {
  const size = source.fingerprint.size;
  const compressed = origin.form === 'compressed' ? fromOrigin(() => metadataOf(fd, size)) : null;
  // A copy made of several files is also checked by its SHA-256, which needs the bytes in order.
  if (compressed && !compressed.bases && size >= leastInParts)
    return copyInParts({ from: { fd, path: origin.path }, temp, size }, hooks);
  const hashes = await CopyHashes.create(false);
  const file = PartialFile.create(temp, source);
  let reader: BlockReader | undefined;
  try {
    reader = fromOrigin(() => readerOf(fd, origin.path, { size, compressed }));
    await eachBlock({ reader, hashes, from: 0, end: size, file }, hooks, () => file.checkpoint(hashes));
    return { ...hashes.digest(), readMs: reader.readMs };
  } finally {
    // Writes in flight use the reader's memory.
    await file.close().finally(() => reader?.close());
  }
}

/** @throws Error, CacheError CORRUPT */
function metadataOf(fd: number, size: number): Metadata {
  const { metadata } = readTail(fd);
  if (metadata.size !== size) throw new Error('it is of another size');
  return metadata;
}

interface PartsCopy {
  from: RestorePlan['from'];
  temp: string;
  size: number;
}

async function copyInParts({ from, temp, size }: PartsCopy, hooks: CopyHooks): Promise<CopiedFromTier> {
  const to = createAnew(temp);
  try {
    const chunks = await restoreParts({ from, to, size }, hooks);
    return { hash: await hashOverChunks(chunks), chunks, readMs: 0 };
  } finally {
    closeSync(to);
  }
}

function readerOf(fd: number, path: string, { size, compressed }: { size: number; compressed: Metadata | null }): BlockReader {
  const reader = compressed
    ? compressedReader(new CompressedFile(fd, path, { readAhead: true }))
    : localReader({ file: readableFile(fd, path), from: 0, end: size });
  // A copy made of several files is also checked by the SHA-256 of the original.
  const whole = compressed?.bases ? createHash('sha256') : null;
  let done = 0;
  return {
    next: async (most, free) => {
      try {
        const bytes = await reader.next(most, free);
        done += bytes.length;
        whole?.update(bytes);
        if (done === size && whole && whole.digest('hex') !== compressed?.sha256)
          throw new Error('its bytes differ from those whose SHA-256 it has');
        return bytes;
      } catch (error) {
        throw damaged(sentenceOf(error), error);
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
  const waiting = new BusyTime();
  const ask = (bytes: number) => waiting.during(hooks.ask(bytes));
  return { hooks: { ...hooks, ask }, waitedMs: () => waiting.ms };
}
