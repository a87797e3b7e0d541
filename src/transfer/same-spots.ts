import { randomInt } from 'node:crypto';
import type { OpenSource } from '../sources/driver.ts';
import { readFully } from '../sources/read-fully.ts';

const spotBytes = 64 * 1024;

/**
 * Whether random spots of the bytes from others equal those of the own source.
 * @param given reads the others' bytes from a position on; returns the number of bytes read
 * @throws CacheError as the source, and as `given`
 */
export async function areSpotsSame(
  open: OpenSource,
  spots: number,
  given: (into: Buffer, position: number) => number,
): Promise<boolean> {
  const { size } = open.fingerprint;
  const look = async () => {
    const at = randomInt(Math.max(1, size - spotBytes));
    const original = Buffer.allocUnsafe(Math.min(spotBytes, size));
    const own = Buffer.allocUnsafe(original.length);
    const isRead = (await readFully(open, original, at)) === original.length && given(own, at) === own.length;
    return isRead && own.equals(original);
  };
  const atOnce = Math.min(spots, open.traits.readsInFlight);
  for (let looked = 0; looked < spots; looked += atOnce) {
    // All of them end before the files may be closed.
    const looks = await Promise.allSettled(Array.from({ length: atOnce }, look));
    for (const one of looks) if (one.status === 'rejected') throw one.reason;
    if (looks.some((one) => one.status === 'fulfilled' && !one.value)) return false;
  }
  return true;
}
