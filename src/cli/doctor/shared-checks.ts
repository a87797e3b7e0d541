import { toCacheError } from '../../core/errors.ts';
import { counted, formatBytes } from '../../core/format.ts';
import type { SharedStore } from '../../core/remote.ts';
import { within } from '../../runtime/deadline.ts';
import { S3Writer } from '../../sources/drivers/s3/s3-writer.ts';
import { type Finding, fail, ok, warn } from './finding.ts';

/** Timeout of the check, ms. */
const deadlineMs = 60_000;
/** Share of the limit beyond which almost each new copy evicts another one. */
const full = 0.95;
const todo = 'check AUTOCACHE_SHARED, its credentials, and that they allow to list, read, write and delete below the prefix';

/** Whether the shared store can be listed, written to and read. Leaves nothing there. */
export async function sharedFindings({ at, limit }: SharedStore, writer = new S3Writer(at)): Promise<Finding[]> {
  const address = at.url.replace(/\?.*$/s, '');
  const late = [fail('shared', `${address}: no answer within ${deadlineMs / 1000} s; copies come from the origin`, todo)];
  const look = lookAt(address, limit, writer).catch((error: unknown): Finding[] => {
    const { message, hint } = toCacheError(error);
    return [fail('shared', `${message}; copies come from the origin`, hint ?? todo)];
  });
  return within(look, deadlineMs, late);
}

async function lookAt(address: string, limit: number, writer: S3Writer): Promise<Finding[]> {
  const probe = `doctor-${process.pid}`;
  const held = await writer.list('sha256/');
  await writer.putText(probe, probe);
  const isKept = (await writer.text(probe)) === probe;
  await writer.remove(probe);
  if (!isKept) return [fail('shared', `${address} does not give back what was written to it`, todo)];
  const bytes = held.reduce((sum, one) => sum + one.bytes, 0);
  const says = `${address} can be read and written; ${counted(held.length, 'model')}, ${formatBytes(bytes)} of ${formatBytes(limit)}`;
  if (bytes < full * limit) return [ok('shared', says)];
  return [warn('shared', `${says}: it is full, and copies leave it for others`, 'raise limit= in AUTOCACHE_SHARED')];
}
