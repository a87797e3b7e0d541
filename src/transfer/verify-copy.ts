import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { ChunkHash, chunkSize } from '../codec/chunk-hash.ts';
import { CompressedFile } from '../codec/compressed-file.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { openUncached, pageAligned, pageBytes } from '../runtime/uncached.ts';
import { type Manifest, parseManifest } from '../tiers/manifest.ts';
import type { Verdict, VerifyOrder } from './verify-messages.ts';

/**
 * Reads a copy again and compares it with its proof, chunk by chunk. Where the system can, the bytes come from the disk itself: the
 * page cache would show what was written rather than what is kept, and would lose what programs need for what nobody asked for.
 */
export async function verifyCopy(order: VerifyOrder, progress: (bytesDone: number) => void): Promise<Verdict> {
  const proof = parseManifest(readText(order.manifestPath));
  if (!proof) return differs('its proof is gone or damaged');
  if (proof.hash !== order.hash) return differs('its proof is of another copy');
  const opened = open(order);
  if (typeof opened === 'string') return differs(opened);
  const { fd, uncached } = opened;
  try {
    const { size, mtimeNs, ino } = fstatSync(fd, { bigint: true });
    const { seal } = order;
    if (Number(size) !== seal.size) return differs(`it has ${size} bytes instead of ${seal.size}`);
    if (String(mtimeNs) !== seal.mtimeNs || String(ino) !== seal.ino)
      return differs('it was written or replaced by another program');
    if (order.form === 'compressed') return await verifyCompressed(fd, { order, proof }, progress);
    const chunk = pageAligned(Math.min(chunkSize, Math.max(1, Math.ceil(seal.size / pageBytes)) * pageBytes));
    const hash = await ChunkHash.create();
    const identity = order.identity && proof.sha256 === null ? createHash('sha256') : null;
    const bad: number[] = [];
    const startedAt = performance.now();
    let readMs = 0;
    for (let done = 0; done < seal.size; ) {
      const index = Math.floor(done / chunkSize);
      const length = Math.min(chunkSize, seal.size - done);
      const readAt = performance.now();
      const read = readChunk(fd, chunk, { length, position: done });
      readMs += performance.now() - readAt;
      if (read) {
        hash.update(chunk.subarray(0, length));
        identity?.update(chunk.subarray(0, length));
      } else bad.push(index);
      done += length;
      progress(done);
      await pause(done, startedAt, order.rate);
    }
    if (bad.length > 0) return { same: false, why: 'a part of it cannot be read', chunks: bad };
    const differing = compare(hash, { order, proof });
    return (
      differing ?? { same: true, readMs: uncached ? readMs : null, sha256: proof.sha256 ?? identity?.digest('hex') ?? null }
    );
  } finally {
    closeSync(fd);
  }
}

/** Decodes it as a restore does, which checks every frame and chunk, and hashes what comes out. */
async function verifyCompressed(
  fd: number,
  { order, proof }: { order: VerifyOrder; proof: Manifest },
  progress: (bytesDone: number) => void,
): Promise<Verdict> {
  const hash = await ChunkHash.create();
  const startedAt = performance.now();
  let done = 0;
  try {
    const file = new CompressedFile(fd);
    const { chunks, size } = file.metadata;
    for (const index of chunks.keys()) {
      const bytes = await file.chunk(index);
      hash.update(bytes);
      done += bytes.length;
      const stored = Math.round((done / size) * order.seal.size);
      progress(stored);
      await pause(stored, startedAt, order.rate);
    }
  } catch (error) {
    if (!(error instanceof CacheError) && meaningOf(error) !== 'io') throw error;
    return { same: false, why: messageOf(error), chunks: [Math.floor(done / chunkSize)] };
  }
  return compare(hash, { order, proof }) ?? { same: true, readMs: null, sha256: proof.sha256 };
}

/** What differs, or null. */
function compare(hash: ChunkHash, { order, proof }: { order: VerifyOrder; proof: Manifest }): Verdict | null {
  if (hash.digest() === order.hash) return null;
  const chunks = hash.chunks.flatMap((digest, index) =>
    proof.chunks.startsWith(digest, index * digest.length) ? [] : [index],
  );
  return { same: false, why: 'its bytes differ from the copied file', chunks };
}

function differs(why: string): Verdict {
  return { same: false, why, chunks: [] };
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** The open file, or in words why there is none. */
function open({ path, form }: VerifyOrder): { fd: number; uncached: boolean } | string {
  try {
    const fd = form === 'compressed' ? null : openUncached(path);
    return fd === null ? { fd: openSync(path, 'r'), uncached: false } : { fd, uncached: true };
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === 'missing') return 'it is gone';
    if (meaning === 'denied' || meaning === 'io') return messageOf(error);
    throw error;
  }
}

/** False when the disk does not give the bytes back. */
function readChunk(fd: number, into: Uint8Array, { length, position }: { length: number; position: number }): boolean {
  try {
    for (let read = 0; read < length; ) {
      // The whole of what is left of the buffer: reading past the cache takes lengths of whole blocks only.
      const got = readSync(fd, into, read, into.length - read, position + read);
      if (got === 0) return false;
      read += got;
    }
    return true;
  } catch (error) {
    if (meaningOf(error) === 'io') return false;
    throw error;
  }
}

/** Under a rate, until the bytes done are due; always lets messages in. */
async function pause(done: number, startedAt: number, rate: number | null): Promise<void> {
  const dueMs = rate === null ? 0 : (done / rate) * 1000 - (performance.now() - startedAt);
  await sleep(Math.max(0, dueMs));
}
