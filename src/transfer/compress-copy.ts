import { closeSync, fdatasyncSync, fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BaseFile } from '../codec/base-file.ts';
import { type ChosenBase, chooseBases } from '../codec/choose-bases.ts';
import { ChunkHash } from '../codec/chunk-hash.ts';
import { type Encoded, encodeFile } from '../codec/encode.ts';
import { trial } from '../codec/estimate.ts';
import { leastSaving, mostCompressed } from '../codec/least-saving.ts';
import type { CodecHooks } from '../codec/progress.ts';
import { CacheError } from '../core/errors.ts';
import { asWriteError, writeError } from '../sources/io-errors.ts';
import { dropPartial } from '../tiers/partial.ts';
import { publish } from '../tiers/publish.ts';
import type { CopyHooks } from './each-block.ts';
import type { CompressOrder, CopyReport } from './messages.ts';
import { damaged, openOrigin } from './origin.ts';
import { createAnew } from './partial-file.ts';
import { assertReadsBack } from './read-back.ts';

/** Size of portions in which written bytes are sent to the disk, so that no large flush at the end burdens other programs. */
const syncBytes = 64 * 1024 * 1024;

/**
 * Puts the compressed form of a copy into the cold tier. The copy's bytes are hashed and must match its seal. The compressed form
 * is then decoded and must match too. A trial on a few chunks comes first.
 * @throws CacheError NOT_ADMITTED when it would save too little, NO_SPACE when it would need more room than the order gives,
 *   CORRUPT when the copy does not match its seal; CACHE_IO or CANCELLED.
 */
export async function compressCopy(order: CompressOrder, hooks: CopyHooks): Promise<CopyReport> {
  const { source, temp, origin, into } = order;
  const { fd, proof } = openOrigin(origin);
  const candidates = openBases(order);
  try {
    const startedAt = performance.now();
    const { bases: chosen, size, withBases } = await chooseBases(fd, source.fingerprint.size, candidates);
    const alone = await trial(fd);
    const saving = chosen.length > 0 ? 1 - withBases / size : alone.saving;
    if (saving < leastSaving) throw dense();
    if (source.fingerprint.size * (1 - saving) > into) throw tooLarge(order);
    const { sha256, bases } = await encodeInto(fd, order, { hooks, bases: chosen });
    await assertReadsBack({ path: temp, form: 'compressed', hash: origin.hash }, hooks, (done, total, step) => {
      hooks.progress(Math.floor((total + done) / 2));
      return turn(hooks, step);
    });
    const standing = bases && { bases: bases.map(({ file }) => file) };
    const chunks = proof.chunks.match(/.{32}/g) ?? [];
    const seal = await publish({ ...order, hash: origin.hash, chunks, sha256, mtimeFrom: origin.path, ...standing }).catch(
      asWriteError,
    );
    const readMs = performance.now() - startedAt;
    const { fingerprint } = source;
    const report = { seal, hash: origin.hash, sha256, source: fingerprint, bytes: fingerprint.size, resumedFrom: 0, readMs };
    return { ...report, ...standing };
  } catch (error) {
    throw error instanceof CacheError ? error : writeError(error);
  } finally {
    closeSync(fd);
    for (const base of candidates) base[Symbol.dispose]();
    dropPartial(temp);
  }
}

/** The readable bases; an unreadable one is skipped, and found at its next read. */
function openBases({ mayStandOn }: CompressOrder): BaseFile[] {
  return mayStandOn.flatMap(({ path, file }) => {
    try {
      return [new BaseFile(path, file)];
    } catch {
      return [];
    }
  });
}

async function encodeInto(
  fd: number,
  order: CompressOrder,
  { hooks, bases }: { hooks: CopyHooks; bases: readonly ChosenBase[] },
): Promise<Encoded> {
  const { temp, origin, into } = order;
  const target = createAnew(temp);
  let synced = 0;
  try {
    const hash = await ChunkHash.create();
    const codec = codecHooks(hooks);
    const encoded = await encodeFile(fd, target, {
      ...codec,
      bases,
      onBytes: (bytes) => hash.update(bytes),
      turn: async (bytes) => {
        const { size } = fstatSync(target);
        if (size > into) throw tooLarge(order);
        if (size - synced >= syncBytes) {
          fdatasyncSync(target);
          synced = size;
        }
        await codec.turn(bytes);
      },
    });
    if (hash.digest() !== origin.hash) throw damaged('its bytes differ from the copied file');
    if (encoded.storedSize > into) throw tooLarge(order);
    return encoded;
  } finally {
    closeSync(target);
  }
}

function tooLarge({ source, into }: CompressOrder): CacheError {
  if (into >= mostCompressed(source.fingerprint.size)) return dense();
  return new CacheError('NO_SPACE', 'its compressed form needs more room than there is');
}

function dense(): CacheError {
  return new CacheError('NOT_ADMITTED', 'compressing it would save too little');
}

/** Encoding is the first half of the work, verifying it the second. */
function codecHooks(hooks: CopyHooks) {
  return {
    signal: hooks.signal,
    onProgress: (done: number) => hooks.progress(Math.floor(done / 2)),
    turn: (bytes: number) => turn(hooks, bytes),
  } satisfies CodecHooks;
}

/** Waits for the next step, if the job is paced. */
function turn(hooks: CopyHooks, bytes: number): Promise<void> {
  return hooks.paced() ? hooks.ask(bytes) : nextTurn();
}
