import { createHash } from 'node:crypto';
import { closeSync, fstatSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { sentenceOf } from '../core/errors.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { type Manifest, mostProofBytes, parseManifest } from '../tiers/manifest.ts';
import { type OpenCopy, openCopy, type ReadBack, readBack } from './read-back.ts';
import type { Verdict, VerifyOrder } from './verify-messages.ts';

/** Reads a copy and compares it with its proof, chunk by chunk. */
export async function verifyCopy(order: VerifyOrder, progress: (bytesDone: number) => void): Promise<Verdict> {
  const proof = parseManifest(readText(order.manifestPath));
  if (!proof) return differs('its proof is gone or damaged');
  if (proof.hash !== order.hash) return differs('its proof is of another copy');
  const copy = open(order);
  if (typeof copy === 'string') return differs(copy);
  try {
    const { size, mtimeNs, ino } = fstatSync(copy.fd, { bigint: true });
    const { seal, rate } = order;
    if (Number(size) !== seal.size) return differs(`it has ${size} bytes instead of ${seal.size}`);
    if (String(mtimeNs) !== seal.mtimeNs || String(ino) !== seal.ino)
      return differs('it was written or replaced by another program');
    const identity = order.identity && order.form === 'plain' && proof.sha256 === null ? createHash('sha256') : null;
    const startedAt = performance.now();
    const found = await readBack(copy, {
      onBytes: (bytes) => identity?.update(bytes),
      async afterStep(done, total) {
        const stored = Math.round((done / total) * seal.size);
        progress(stored);
        await pause(stored, startedAt, rate);
      },
    });
    const sha256 = () => proof.sha256 ?? identity?.digest('hex') ?? null;
    return compare(found, { order, proof }) ?? { same: true, readMs: found.readMs, sha256: sha256() };
  } finally {
    closeSync(copy.fd);
  }
}

/** The difference, or null. */
function compare(
  { hash, chunks, broken }: ReadBack,
  { order, proof }: { order: VerifyOrder; proof: Manifest },
): Verdict | null {
  if (broken) return { same: false, ...broken };
  if (hash === order.hash) return null;
  const differing = chunks.flatMap((digest, index) => (proof.chunks.startsWith(digest, index * digest.length) ? [] : [index]));
  return { same: false, why: 'its bytes differ from the copied file', chunks: differing };
}

function differs(why: string): Verdict {
  return { same: false, why, chunks: [] };
}

function readText(path: string): string {
  try {
    return readSmallFileSync(path, mostProofBytes).toString('utf8');
  } catch {
    return '';
  }
}

/** The open file, or why it cannot be opened. */
function open({ path, form }: VerifyOrder): OpenCopy | string {
  try {
    return openCopy(path, form);
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === 'missing') return 'it is gone';
    if (meaning === 'denied' || meaning === 'io') return sentenceOf(error);
    throw error;
  }
}

/** Waits until the bytes done are due at `rate`; always lets messages arrive. */
async function pause(done: number, startedAt: number, rate: number | null): Promise<void> {
  const dueMs = rate === null ? 0 : (done / rate) * 1000 - (performance.now() - startedAt);
  await sleep(Math.max(0, dueMs));
}
