import type { OpenSource } from '../sources/driver.ts';
import { type BlockReader, localReader, parallelReader, type Range, sequentialReader } from './block-readers.ts';
import { partsReader } from './parts-reader.ts';

/**
 * The reader that suits a source.
 * @param options `shared`: the asking program reads it at the same time; through the page cache each byte comes from the disk once;
 *   `slow`: it is on a hard disk; `spare`: memory that readers of the same source use one after the other
 */
export function sourceReader(
  range: Range<OpenSource>,
  { shared, slow, spare }: { shared: boolean; slow: boolean; spare?: Uint8Array[] },
): BlockReader {
  const { parts, traits } = range.file;
  if (parts) return partsReader(range, parts, spare);
  const { readsInFlight } = traits;
  if (readsInFlight > 1) return parallelReader(range, readsInFlight);
  return shared ? sequentialReader(range) : localReader(range, slow ? 'slow' : 'fast');
}
