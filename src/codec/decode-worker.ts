import { CacheError } from '../core/errors.ts';
import { serveParent } from '../runtime/peer.ts';
import { CompressedFile } from './compressed-file.ts';

export interface DecodeWorker {
  /** @param fd of the compressed file at `path`, valid in the whole process  @param ring shared memory for the original bytes */
  open(fd: number, path: string, ring: SharedArrayBuffer): void;
  /** Ends the use of all descriptors. */
  close(): void;
  /**
   * Puts the original bytes of the chunks from `first` to before `end` into the ring, each byte at its position in the file modulo
   * the size of the ring.
   * @param position of the first chunk in the original  @throws CacheError CORRUPT
   */
  decode(first: number, end: number, position: number): Promise<void>;
}

let opened: { file: CompressedFile; ring: Uint8Array } | undefined;

/** The entry of a thread that decodes chunks. */
serveParent<object, DecodeWorker>({
  open(fd, path, ring) {
    opened = { file: new CompressedFile(fd, path), ring: new Uint8Array(ring) };
  },
  close: () => opened?.file[Symbol.dispose](),
  async decode(first, end, position) {
    if (!opened) throw new CacheError('INTERNAL', 'no compressed file is open');
    const { file, ring } = opened;
    let at = position % ring.length;
    for (let index = first; index < end; index++) {
      const bytes = await file.chunk(index);
      const untilWrap = Math.min(bytes.length, ring.length - at);
      ring.set(bytes.subarray(0, untilWrap), at);
      ring.set(bytes.subarray(untilWrap));
      at = (at + bytes.length) % ring.length;
    }
  },
});
