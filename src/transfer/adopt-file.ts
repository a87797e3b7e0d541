import { randomUUID } from 'node:crypto';
import { type BigIntStats, closeSync, fstatSync, linkSync, lstatSync, openSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import type { OpenSource, SourceDriver } from '../sources/driver.ts';
import { asWriteError, writing } from '../sources/io-errors.ts';
import { publish } from '../tiers/publish.ts';
import { touch } from '../tiers/touch-shell.ts';
import { cloneFile } from './clone-duplicate.ts';
import { comparer, looksAlike } from './compare-files.ts';
import { CopyHashes } from './copy-hashes.ts';
import { type CopyHooks, eachBlock } from './each-block.ts';
import type { AdoptOrder, CopyReport } from './messages.ts';
import { sourceReader } from './source-reader.ts';

/**
 * Makes a file of another cache the copy of a source without writing its bytes: under a second name, or on shared blocks. Every byte
 * of both is read and compared, then it is published like any copy. The file itself stays, unless it is to be moved; under a second
 * name it gets the time of the source and becomes read-only, like a copy.
 * @throws CacheError CONFLICT when the bytes differ, or when it cannot be adopted in that way; and as `runCopyJob`
 */
export async function adoptFile(order: AdoptOrder, hooks: CopyHooks, driver: SourceDriver): Promise<CopyReport> {
  // Never the name of an unfinished copy, which would be resumed and written to.
  const temp = join(dirname(order.temp), `${randomUUID()}.leaving`);
  const open = await driver.open(order.source);
  try {
    taken(order, temp);
    const report = await compareAndPublish(open, { ...order, temp }, hooks);
    if (order.way === 'move') removeFirstName(order.from, report);
    return report;
  } finally {
    for (const left of [temp, `${temp}.seal`]) rmSync(left, { force: true });
    await open.close();
  }
}

/** Gives the file its temporary name in the tier. */
function taken({ from, way }: AdoptOrder, temp: string): void {
  // A link may lead to the source itself.
  if (!lstatSync(from, { throwIfNoEntry: false })?.isFile()) throw new CacheError('CONFLICT', 'it is no plain file any more');
  if (way === 'clone') {
    if (cloneFile(from, temp)) return;
    throw new CacheError('CONFLICT', 'the file system of the cache cannot share its blocks', {
      hint: 'without --reflink it is linked',
    });
  }
  try {
    linkSync(from, temp);
  } catch (cause) {
    const why =
      errnoOf(cause) === 'EXDEV' ? 'it lies on another volume than the cache' : 'the file system gives it no second name';
    throw new CacheError('CONFLICT', `${why}: autocached copies the model itself when it is asked for`, { cause });
  }
}

async function compareAndPublish(open: OpenSource, order: AdoptOrder, hooks: CopyHooks): Promise<CopyReport> {
  const { fingerprint } = open;
  const end = fingerprint.size;
  const fd = writing(() => openSync(order.temp, 'r'));
  const reader = sourceReader({ file: open, from: 0, end }, order);
  try {
    const before = fstatSync(fd, { bigint: true });
    if (open.fd !== undefined && isOneFile(before, fstatSync(open.fd, { bigint: true })))
      throw new CacheError('CONFLICT', 'it is the source itself, under another name');
    if (Number(before.size) !== end || !(await looksAlike(open, fd))) throw differs();
    const hashes = await CopyHashes.create(order.identity);
    const isSame = comparer(fd);
    const write = (bytes: Uint8Array, position: number) => {
      if (!writing(() => isSame(bytes, position))) throw differs();
    };
    await eachBlock({ reader, hashes, from: 0, end, file: { write } }, hooks, async () => {});
    await open.assertUnchanged();
    const after = fstatSync(fd, { bigint: true });
    if (after.mtimeNs !== before.mtimeNs || after.size !== before.size)
      throw new CacheError('CONFLICT', 'it was changed while it was compared');
    const { chunks, ...digests } = hashes.digest();
    await touch(order.temp, fingerprint.mtimeNs);
    const source = { ...order.source, fingerprint };
    const seal = await publish({ ...order, source, chunks, ...digests }).catch(asWriteError);
    return { seal, ...digests, source: fingerprint, bytes: end, resumedFrom: 0, readMs: reader.readMs };
  } finally {
    await reader.close();
    closeSync(fd);
  }
}

/** Removes the former name, unless another file has it meanwhile. */
function removeFirstName(from: string, { seal }: CopyReport): void {
  const found = lstatSync(from, { bigint: true, throwIfNoEntry: false });
  if (found && String(found.ino) === seal.ino) rmSync(from);
}

function isOneFile(a: BigIntStats, b: BigIntStats): boolean {
  return a.ino === b.ino && a.dev === b.dev;
}

function differs(): CacheError {
  return new CacheError('CONFLICT', 'its bytes are not those of the source');
}
