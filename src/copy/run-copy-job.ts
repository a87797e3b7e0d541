import { chmodSync, closeSync, constants, copyFileSync, fstatSync, openSync, type Stats, statSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { CacheError, type ErrorCode, toCacheError } from '../core/errors.ts';
import type { Fingerprint } from '../core/types.ts';
import { dropPartial, keepPartial } from '../tiers/partial.ts';
import { publish } from '../tiers/publish.ts';
import type { SealFile } from '../tiers/seal-file.ts';
import { type BlockReader, parallelReader, sequentialReader } from './block-readers.ts';
import { CopyHashes } from './copy-hashes.ts';
import { reading, writing } from './io-errors.ts';
import type { CopyOrder, CopyReport } from './messages.ts';
import { PartialFile } from './partial-file.ts';

/** Between two of these the worker looks for a cancel and tells how far it is. A paced copy asks for each, in smaller ones. */
const stepBytes = 8 * 1024 * 1024;
const pacedStepBytes = 1024 * 1024;

export interface CopyHooks {
  progress(bytesDone: number): void;
  /** An interrupted copy goes on from here. */
  resuming(from: number): void;
  /** Whether to ask before each step. */
  paced(): boolean;
  /** Resolves when the next step may be taken. */
  ask(bytes: number): Promise<void>;
  signal: AbortSignal;
}

/** After these a copy can go on where it was, once its source or its disk is back. */
const resumable: readonly ErrorCode[] = ['CANCELLED', 'SOURCE_MISSING', 'SOURCE_AWAY', 'SOURCE_IO', 'NO_SPACE'];

/**
 * Copies one source to its place in a tier, hashing every byte on the way, and publishes it. Reads and writes are positional and
 * checked one by one: the kernel's copy calls as Node wraps them report success with wrong bytes when the source errs half-way.
 * What an interruption leaves is kept up to its last checkpoint, and the next copy of the same source goes on from there.
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, NO_SPACE, CACHE_IO or CANCELLED.
 */
export async function runCopyJob(order: CopyOrder, hooks: CopyHooks): Promise<CopyReport> {
  try {
    // Opening a pipe would wait for its other end, for ever.
    fingerprintOf(reading(() => statSync(order.source.path, { bigint: true })));
    const fd = reading(() => openSync(order.source.path, 'r'));
    try {
      return await copyAndPublish(fd, order, hooks);
    } finally {
      closeSync(fd);
    }
  } catch (error) {
    if (resumable.includes(toCacheError(error).code)) keepPartial(order.temp);
    else dropPartial(order.temp);
    throw error;
  }
}

async function copyAndPublish(fd: number, order: CopyOrder, hooks: CopyHooks): Promise<CopyReport> {
  const before = fingerprintOf(reading(() => fstatSync(fd, { bigint: true })));
  assertSame(order.source.fingerprint, before, order.source.path);
  const source = { ...order.source, fingerprint: before };
  const { readMs, resumedFrom, ...copied } =
    (await cloneBytes(source, order, hooks)) ?? (await copyBytes(fd, { ...order, source }, hooks));
  assertUnchanged(fd, before, source.path);
  const seal = writing(() => publish({ ...order, source, ...copied }));
  dropPartial(order.temp);
  return { seal, hash: copied.hash, source: before, bytes: before.size, resumedFrom, readMs };
}

type Copied = ReturnType<CopyHashes['digest']> & Pick<CopyReport, 'readMs' | 'resumedFrom'>;

/**
 * On a file system that can share blocks a copy costs nothing; null where it cannot. The flag forbids Node to fall back to copying,
 * which can go wrong unseen; what came of it is read and hashed like any other copy.
 */
async function cloneBytes(source: SealFile['source'], order: CopyOrder, hooks: CopyHooks): Promise<Copied | null> {
  if (order.network || keepPartial(order.temp) > 0) return null;
  try {
    copyFileSync(source.path, order.temp, constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE_FORCE);
  } catch {
    return null;
  }
  chmodSync(order.temp, 0o600);
  const end = source.fingerprint.size;
  const fd = writing(() => openSync(order.temp, 'r'));
  const reader = sequentialReader({ fd, path: source.path, from: 0, end });
  try {
    const hashes = await CopyHashes.create(order.identity);
    await eachBlock({ reader, hashes, from: 0, end }, hooks, async () => {});
    return { ...hashes.digest(), readMs: reader.readMs, resumedFrom: 0 };
  } finally {
    await reader.settled();
    closeSync(fd);
  }
}

async function copyBytes(fd: number, order: CopyOrder, hooks: CopyHooks): Promise<Copied> {
  const { source, temp, identity, network } = order;
  const end = source.fingerprint.size;
  const onChunk = (bytes: number) => {
    hooks.progress(bytes);
    assertWanted(hooks.signal);
  };
  const { file, at: from, hashes } = await PartialFile.open(temp, source, { sourceFd: fd, identity, onChunk });
  let reader: BlockReader | undefined;
  try {
    if (from > 0) hooks.resuming(from);
    reader = (network ? parallelReader : sequentialReader)({ fd, path: source.path, from, end });
    await eachBlock({ reader, hashes, from, end, file }, hooks, () => file.checkpoint(hashes));
    return { ...hashes.digest(), readMs: reader.readMs, resumedFrom: from };
  } catch (error) {
    // On a full disk the journal of before stays.
    await file.interrupted(hashes).catch(() => {});
    throw error;
  } finally {
    await reader?.settled();
    await file.close();
  }
}

interface Flow {
  reader: BlockReader;
  hashes: CopyHashes;
  from: number;
  end: number;
  file?: PartialFile;
}

/** Hashes and writes what is read, until the end. */
async function eachBlock(flow: Flow, hooks: CopyHooks, afterStep: () => Promise<void>): Promise<void> {
  const { reader, hashes, from, end, file } = flow;
  for (let done = from; done < end; ) {
    const paced = hooks.paced();
    const stepEnd = Math.min(done + (paced ? pacedStepBytes : stepBytes), end);
    if (paced) await hooks.ask(stepEnd - done);
    while (done < stepEnd) {
      const askedAt = performance.now();
      const bytes = await reader.next();
      const takenAt = performance.now();
      hashes.update(bytes);
      file?.write(bytes, done);
      done += bytes.length;
      if (!paced) hashes.judge({ bytes: bytes.length, waitedMs: takenAt - askedAt, workedMs: performance.now() - takenAt });
    }
    hooks.progress(done);
    await afterStep();
    // Lets messages in.
    await turn();
    assertWanted(hooks.signal);
  }
}

function assertWanted(signal: AbortSignal): void {
  if (signal.aborted) throw new CacheError('CANCELLED', 'the copy was cancelled');
}

function assertSame(expected: Fingerprint, found: Fingerprint, path: string): void {
  if (expected.size === found.size && expected.mtimeNs === found.mtimeNs) return;
  throw new CacheError('SOURCE_CHANGED', `${path} is not the file that was asked for any more`);
}

/** The open file must not have changed, and the name must still lead to it. */
function assertUnchanged(fd: number, before: Fingerprint, path: string): void {
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
