import { closeSync, openSync } from 'node:fs';
import { CacheError, type ErrorCode, toCacheError } from '../core/errors.ts';
import type { FarmOrder } from '../farm/farm-order.ts';
import type { OpenSource, SourceDriver } from '../sources/driver.ts';
import { driverFor } from '../sources/driver-for.ts';
import { readableFile } from '../sources/drivers/posix/readable-file.ts';
import { asWriteError, writing } from '../sources/io-errors.ts';
import { isClaimed } from '../tiers/marker.ts';
import { dropPartial, keepPartial } from '../tiers/partial.ts';
import { publish } from '../tiers/publish.ts';
import { touch } from '../tiers/touch-shell.ts';
import { localReader } from './block-readers.ts';
import { cloneDuplicate, cloneFile, leastCloned } from './clone-duplicate.ts';
import { type Copied, copyBytes } from './copy-bytes.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import { linkDuplicate } from './link-duplicate.ts';
import type { CopyOrder, CopyReport, FarmCopied, JobOrder, ReportOf } from './messages.ts';
import { assertReadsBack } from './read-back.ts';

/** After these errors a copy can resume, once its source or its disk is back. */
const resumable: readonly ErrorCode[] = [
  'CANCELLED',
  'SOURCE_MISSING',
  'SOURCE_AWAY',
  'NOT_PERMITTED',
  'SOURCE_IO',
  'NO_SPACE',
];

/** Minimum interval between signs of life, ms. */
const signOfLifeMs = 1000;

type DriverOf = (order: Pick<CopyOrder, 'source' | 'remote' | 'network'>) => SourceDriver | Promise<SourceDriver>;

/** The driver that serves the source of an order. */
export const driverOf: DriverOf = ({ source, remote, network }) => {
  return driverFor({ root: source.root, remote, network });
};

/**
 * Carries out an order.
 * @returns the report; null when no candidate of a `link` has the source's bytes
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, HASH_MISMATCH, NO_SPACE, CACHE_AWAY, CACHE_IO or
 *   CANCELLED; CORRUPT for an origin; NOT_ADMITTED for one not worth compressing; BAD_REQUEST for one without variants.
 */
export function runCopyJob<O extends JobOrder>(order: O, hooks: CopyHooks, driver?: DriverOf): Promise<ReportOf<O>>;
export async function runCopyJob(order: JobOrder, hooks: CopyHooks, driver: DriverOf = driverOf): Promise<ReportOf<JobOrder>> {
  if (order.claimed !== undefined && !isClaimed(order.claimed)) throw new CacheError('CACHE_AWAY', 'the cache disk is away');
  switch (order.kind) {
    case 'copy':
      if (order.store) return (await import('./copy-from-store.ts')).copyFromStore({ ...order, store: order.store }, hooks);
      return order.farm?.away
        ? copyFromOthers({ ...order, farm: order.farm }, hooks)
        : copySource(order, hooks, await driver(order));
    case 'link':
      return linkDuplicate(order, hooks, await driver(order));
    case 'adopt':
      return (await import('./adopt-file.ts')).adoptFile(order, hooks, await driver(order));
    // The codec is imported with the first order that needs it: most copies are plain.
    case 'restore':
      return (await import('./copy-from-tier.ts')).copyFromTier(order, hooks);
    case 'compress':
      return (await import('./compress-copy.ts')).compressCopy(order, hooks);
    case 'derive':
      return (await import('./derive-variant.ts')).deriveVariant(order, hooks);
  }
}

/**
 * Copies one source to its place in a tier, hashes every byte on the way, and publishes it. Reads and writes are positional and
 * checked one by one: the kernel's copy calls, as Node wraps them, report success with wrong bytes when the source fails midway. An
 * interrupted copy is kept up to its last checkpoint, and the next copy of the same source resumes there.
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, NO_SPACE, CACHE_IO or CANCELLED
 */
async function copySource(order: CopyOrder, given: CopyHooks, driver: SourceDriver): Promise<CopyReport> {
  const { hooks, onHeard } = withSignsOfLife(given);
  try {
    const open = await driver.open(order.source, { onHeard });
    const endReads = () => open.endReads?.();
    hooks.signal.addEventListener('abort', endReads);
    try {
      return await copyAndPublish({ open, driver }, order, hooks);
    } finally {
      hooks.signal.removeEventListener('abort', endReads);
      await open.close();
    }
  } catch (error) {
    if (resumable.includes(toCacheError(error).code)) keepPartial(order.temp);
    else dropPartial(order.temp);
    throw error;
  }
}

/** Hooks that repeat the progress of a slow source periodically: without signs of life the caller gives it up. */
function withSignsOfLife(hooks: CopyHooks): { hooks: CopyHooks; onHeard: () => void } {
  let bytes = 0;
  let toldAt = performance.now();
  const progress = (done: number) => {
    bytes = done;
    toldAt = performance.now();
    hooks.progress(done);
  };
  const onHeard = () => {
    if (performance.now() - toldAt >= signOfLifeMs) progress(bytes);
  };
  return { hooks: { ...hooks, progress }, onHeard };
}

/** Copies an away source from the other hosts of the farm. @throws CacheError SOURCE_AWAY when they do not have all of it */
async function copyFromOthers(order: CopyOrder & { farm: FarmOrder }, hooks: CopyHooks): Promise<CopyReport> {
  const { source, temp } = order;
  const { copyWithFarm } = await import('./copy-with-farm.ts');
  try {
    const copied = await copyWithFarm({ open: null, driver: null }, order, hooks);
    if (copied === null)
      throw new CacheError('SOURCE_AWAY', 'the source is away, and so small a file is not asked of other hosts');
    const { readMs, resumedFrom, chunks, farm, ...hashes } = copied;
    if (order.reread) await assertReadsBack({ path: temp, form: 'plain', hash: hashes.hash }, hooks);
    await touch(temp, source.fingerprint.mtimeNs);
    const seal = await publish({ ...order, mtimeFrom: temp, chunks, ...hashes }).catch(asWriteError);
    dropPartial(temp);
    return { seal, ...hashes, source: source.fingerprint, bytes: source.fingerprint.size, resumedFrom, readMs, farm };
  } catch (error) {
    if (resumable.includes(toCacheError(error).code)) keepPartial(temp);
    else dropPartial(temp);
    throw error;
  }
}

async function copyAndPublish(
  { open, driver }: { open: OpenSource; driver: SourceDriver },
  order: CopyOrder,
  hooks: CopyHooks,
): Promise<CopyReport> {
  const { fingerprint } = open;
  const source = { ...order.source, fingerprint };
  const { readMs, resumedFrom, chunks, farm, ...hashes }: Copied & Pick<CopyReport, 'farm'> =
    (await cloneBytes(open, order, hooks)) ??
    (await cloneDuplicate(open, order, hooks)) ??
    (await copyShared({ open, driver }, { ...order, source }, hooks)) ??
    (await copyBytes(open, { ...order, source }, hooks));
  if (order.reread) await assertReadsBack({ path: order.temp, form: 'plain', hash: hashes.hash }, hooks);
  await open.assertUnchanged();
  await touch(order.temp, fingerprint.mtimeNs);
  const seal = await publish({ ...order, source, chunks, ...hashes }).catch(asWriteError);
  dropPartial(order.temp);
  return { seal, ...hashes, source: fingerprint, bytes: fingerprint.size, resumedFrom, readMs, ...(farm && { farm }) };
}

/** Copies with the farm; null without one, and when the source is to be read without it. */
async function copyShared(
  from: { open: OpenSource; driver: SourceDriver },
  order: CopyOrder,
  hooks: CopyHooks,
): Promise<FarmCopied | null> {
  if (!order.farm) return null;
  const { copyWithFarm } = await import('./copy-with-farm.ts');
  return copyWithFarm(from, { ...order, farm: order.farm }, hooks);
}

/**
 * On a file system that can share blocks, a copy costs nothing; null on others. The clone is read and hashed like any other copy.
 */
async function cloneBytes(open: OpenSource, order: CopyOrder, hooks: CopyHooks): Promise<Copied | null> {
  const isLocal = open.fd !== undefined && !open.traits.network;
  if (!isLocal || open.fingerprint.size < leastCloned || keepPartial(order.temp) > 0 || !cloneFile(open.path, order.temp))
    return null;
  const end = open.fingerprint.size;
  const fd = writing(() => openSync(order.temp, 'r'));
  const reader = localReader({ file: readableFile(fd, open.path), from: 0, end });
  try {
    const hashes = await CopyHashes.create(order.identity);
    await eachBlock({ reader, hashes, from: 0, end }, hooks, async () => {});
    return { ...hashes.digest(), readMs: reader.readMs, resumedFrom: 0 };
  } finally {
    await reader.close();
    closeSync(fd);
  }
}
