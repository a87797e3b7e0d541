import { pageAligned } from '../runtime/uncached.ts';
import type { OpenSource } from '../sources/driver.ts';
import { type BlockReader, BusyTime, fill, inPieces, type Range, settled } from './block-readers.ts';

/**
 * Parts of a remote object, each a separate request, delivered in order. The number of concurrent requests follows the pace of the
 * remote, and memory is used only for those. The parts are the file's chunks: an interrupted copy loses at most one per request.
 * @param spare unused memory for parts, taken from here and put back
 */
export function partsReader(
  range: Range<OpenSource>,
  { bytes: partBytes, atOnce }: NonNullable<OpenSource['parts']>,
  spare: Uint8Array[] = [],
): BlockReader {
  const { file, end } = range;
  const busy = new BusyTime();
  const underWay: { buffer: Uint8Array; filled: Promise<Uint8Array> }[] = [];
  let asked = range.from;
  let given: Uint8Array | undefined;
  let isClosed = false;
  const ask = () => {
    while (!isClosed && asked < end && underWay.length < atOnce()) {
      const at = asked;
      asked = Math.min(end, at - (at % partBytes) + partBytes);
      const buffer = spare.pop() ?? pageAligned(Math.min(partBytes, file.fingerprint.size));
      const length = asked - at;
      const filled = busy.during(fill(range, file, { buffer: buffer.subarray(0, length), at, length }));
      // The awaiting caller sees the failure; an unawaited read must not end the process.
      filled.catch(() => {});
      underWay.push({ buffer, filled });
    }
  };
  return {
    next: inPieces(async (free) => {
      const before = given;
      if (before) void settled(free).then(() => spare.push(before));
      ask();
      const part = underWay.shift();
      if (!part) throw new Error('read past the end');
      given = part.buffer;
      const filled = await part.filled;
      // Its request has ended.
      ask();
      return filled;
    }),
    get readMs() {
      return busy.ms;
    },
    async close() {
      isClosed = true;
      file.endReads?.();
      await Promise.allSettled(underWay.map(({ filled }) => filled));
      if (given) spare.push(given);
      spare.push(...underWay.splice(0).map(({ buffer }) => buffer));
    },
  };
}
