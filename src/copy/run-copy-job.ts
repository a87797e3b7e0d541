import {
  closeSync,
  fdatasync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  rmSync,
  type Stats,
  statfsSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ChunkHash } from '../codec/chunk-hash.ts';
import { CacheError, type ErrorCode, errnoOf, messageOf } from '../core/errors.ts';
import type { Fingerprint } from '../core/types.ts';
import { publish } from '../tiers/publish.ts';
import type { CopyOrder, CopyReport } from './messages.ts';

/** Bytes a read; the measured best for one sequential stream through user space. */
const blockSize = 512 * 1024;
/** Between two of these the worker looks for a cancel and at the free space, and tells how far it is. */
const stepBytes = 8 * 1024 * 1024;
/**
 * Written bytes are sent to the disk in portions of so many, two at most on the way: a copy that leaves gigabytes of dirty pages to
 * its last fsync makes every other program's small writes wait for them.
 */
const syncBytes = 64 * 1024 * 1024;

export interface CopyHooks {
  progress(bytesDone: number): void;
  signal: AbortSignal;
}

/**
 * Copies one source to its place in a tier, hashing every byte on the way, and publishes it. Reads and writes are positional and
 * checked one by one: the kernel's copy calls as Node wraps them report success with wrong bytes when the source errs half-way.
 * The unfinished file is removed on any failure.
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, NO_SPACE, CACHE_IO or CANCELLED.
 */
export async function runCopyJob(order: CopyOrder, hooks: CopyHooks): Promise<CopyReport> {
  // Opening a pipe would wait for its other end, for ever.
  fingerprintOf(reading(() => statSync(order.source.path, { bigint: true })));
  const source = reading(() => openSync(order.source.path, 'r'));
  try {
    const before = fingerprintOf(reading(() => fstatSync(source, { bigint: true })));
    assertSame(order.source.fingerprint, before, order.source.path);
    const copied = await copyBytes(source, order, hooks);
    assertUnchanged(source, before, order.source.path);
    const seal = writing(() => publish({ ...order, source: { ...order.source, fingerprint: before }, ...copied }));
    return { seal, hash: copied.hash, source: before, bytes: before.size, readMs: copied.readMs };
  } finally {
    closeSync(source);
    rmSync(order.temp, { force: true });
    rmSync(`${order.temp}.seal`, { force: true });
  }
}

async function copyBytes(
  source: number,
  order: CopyOrder,
  hooks: CopyHooks,
): Promise<{ hash: string; chunks: string[]; readMs: number }> {
  const { size } = order.source.fingerprint;
  const hash = await ChunkHash.create();
  const block = Buffer.allocUnsafe(blockSize);
  const target = writing(() => openForWriting(order.temp));
  const startedAt = performance.now();
  let done = 0;
  let readMs = 0;
  let synced = 0;
  let syncing = Promise.resolve();
  try {
    while (done < size) {
      const stepEnd = Math.min(done + stepBytes, size);
      while (done < stepEnd) {
        const readAt = performance.now();
        const length = reading(() => readSync(source, block, 0, Math.min(blockSize, stepEnd - done), done));
        readMs += performance.now() - readAt;
        if (length === 0) throw new CacheError('SOURCE_CHANGED', `${order.source.path} became shorter while it was copied`);
        const bytes = block.subarray(0, length);
        hash.update(bytes);
        writing(() => writeAll(target, bytes, done));
        done += length;
      }
      hooks.progress(done);
      if (done - synced >= syncBytes) {
        await syncing;
        syncing = dataSync(target);
        synced = done;
      }
      writing(() => assertFloor(order));
      await pause(done, startedAt, order.rate);
      if (hooks.signal.aborted) throw new CacheError('CANCELLED', 'the copy was cancelled');
    }
    await syncing;
  } finally {
    // The file must not be closed under a sync that still runs.
    await syncing.catch(() => {});
    closeSync(target);
  }
  return { hash: hash.digest(), chunks: hash.chunks, readMs };
}

/** Lets messages in; under a rate, until the bytes done are due (a schedule from the start, so that errors do not add up). */
async function pause(done: number, startedAt: number, rate: number | null): Promise<void> {
  const dueMs = rate === null ? 0 : (done / rate) * 1000 - (performance.now() - startedAt);
  await sleep(Math.max(0, dueMs));
}

function dataSync(fd: number): Promise<void> {
  const synced = promisify(fdatasync)(fd).catch((error) => {
    throw writeError(error);
  });
  // Whoever awaits it next sees the failure; until then it is no unhandled one.
  synced.catch(() => {});
  return synced;
}

function openForWriting(temp: string): number {
  mkdirSync(dirname(temp), { recursive: true });
  return openSync(temp, 'wx', 0o600);
}

function writeAll(fd: number, bytes: Uint8Array, position: number): void {
  for (let written = 0; written < bytes.length; ) {
    const taken = writeSync(fd, bytes, written, bytes.length - written, position + written);
    if (taken === 0) throw new Error('the system takes no more bytes');
    written += taken;
  }
}

/** Law 3: what was free when the copy began may have gone to another program since. */
function assertFloor({ temp, floor }: CopyOrder): void {
  const { bavail, bsize } = statfsSync(dirname(temp));
  if (bavail * bsize < floor) throw new CacheError('NO_SPACE', 'the free space of the cache disk fell below its floor');
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

const awayCodes = new Set(['ENOTCONN', 'ESTALE', 'EHOSTDOWN', 'EHOSTUNREACH', 'ETIMEDOUT', 'ENETUNREACH', 'ENODEV', 'ENXIO']);

/** Runs one call on the source and says in our words how it failed. */
function reading<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    const errno = errnoOf(error) ?? '';
    const code: ErrorCode = errno === 'ENOENT' ? 'SOURCE_MISSING' : awayCodes.has(errno) ? 'SOURCE_AWAY' : 'SOURCE_IO';
    throw new CacheError(code, `reading the source failed: ${messageOf(error)}`, { cause: error });
  }
}

/** Runs one call on the cache disk and says in our words how it failed. */
function writing<T>(call: () => T): T {
  try {
    return call();
  } catch (error) {
    throw error instanceof CacheError ? error : writeError(error);
  }
}

function writeError(error: unknown): CacheError {
  const errno = errnoOf(error) ?? '';
  if (errno === 'ENOSPC' || errno === 'EDQUOT') return new CacheError('NO_SPACE', 'the cache disk is full', { cause: error });
  return new CacheError('CACHE_IO', `writing the copy failed: ${messageOf(error)}`, { cause: error });
}
