import { CacheError } from '../core/errors.ts';
import type { SourceDriver } from '../sources/driver.ts';
import type { ProbeOrder } from './messages.ts';
import { driverOf } from './run-copy-job.ts';

/** Enough to find a file that has a name and cannot be read, bytes. */
const firstBytes = 64 * 1024;

/**
 * Opens a source and reads its beginning: what cannot be read needs no room.
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, NOT_PERMITTED, IN_USE or BAD_REQUEST
 */
export async function probeSource(order: ProbeOrder, driver: SourceDriver = driverOf(order)): Promise<void> {
  const open = await driver.open(order.source);
  try {
    const { size } = open.fingerprint;
    if (size > 0 && (await open.read(Buffer.allocUnsafe(Math.min(size, firstBytes)), 0)) === 0)
      throw new CacheError('SOURCE_CHANGED', `${open.path} is shorter than it says`);
  } finally {
    await open.close();
  }
}
