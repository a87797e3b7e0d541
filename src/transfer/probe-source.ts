import { CacheError } from '../core/errors.ts';
import type { SourceDriver } from '../sources/driver.ts';
import type { ProbeOrder } from './messages.ts';
import { driverOf } from './run-copy-job.ts';

/** Size of the first read, bytes: enough to detect an unreadable file. */
const firstBytes = 64 * 1024;
/** Size of each further read, bytes. */
const readBytes = 1024 * 1024;
/** Number of parts of a file whose beginnings are sampled, with its ends. */
const parts = 16;

/**
 * Opens a source and reads as much of it as ordered, because an unreadable source needs no room.
 * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, NOT_PERMITTED, IN_USE or BAD_REQUEST
 */
export async function probeSource(
  order: ProbeOrder,
  { driver, onRead = () => {} }: { driver?: SourceDriver; onRead?: () => void } = {},
): Promise<void> {
  const open = await (driver ?? (await driverOf(order))).open(order.source);
  try {
    const { size } = open.fingerprint;
    for (const [at, length] of partsOf(size, order.reads)) {
      for (let done = 0; done < length; onRead()) {
        const read = await open.read(Buffer.allocUnsafe(length - done), at + done);
        if (read === 0) throw new CacheError('SOURCE_CHANGED', `${open.path} is shorter than it says`);
        done += read;
      }
    }
  } finally {
    await open.close();
  }
}

function* partsOf(size: number, reads: ProbeOrder['reads']): Generator<[at: number, length: number]> {
  const part = (at: number, most: number): [number, number] => [at, Math.min(most, size - at)];
  if (size === 0) return;
  if (reads === 'beginning') yield part(0, firstBytes);
  else if (reads === 'whole' || size <= 2 * readBytes + parts * firstBytes)
    for (let at = 0; at < size; at += readBytes) yield part(at, readBytes);
  else {
    yield* [part(0, readBytes), part(size - readBytes, readBytes)];
    for (let index = 1; index < parts; index += 1) yield part(Math.floor((size * index) / parts), firstBytes);
  }
}
