import zlib from 'node:zlib';
import { CacheError, messageOf } from '../core/errors.ts';
import { bufferOf } from '../runtime/buffer-of.ts';
import { corrupt } from './corrupt.ts';

/**
 * zstd for blocks of up to a few MiB. Uses Node's own where it exists (22.15, 23.8 and later); otherwise, for decoding only, the
 * package `@mongodb-js/zstd`.
 */
export interface Zstd {
  /** Decodes one frame that `inspectFrame` passed; `target` is exactly as long as its content. @throws CacheError CORRUPT */
  decompress(frame: Uint8Array, target: Uint8Array): Promise<void> | void;
}

const { constants } = zlib;

/**
 * Huffman only. The search for repetitions finds none in weights and takes most of the time; a hash table of 64 entries ends it at
 * once, and every block is coded byte by byte. (Negative levels and a target length would switch that off as well.) On the
 * exponents of weights this is both smaller and several times faster than any level.
 */
const huffmanOnly = {
  [constants.ZSTD_c_compressionLevel]: 1,
  [constants.ZSTD_c_strategy]: constants.ZSTD_fast,
  [constants.ZSTD_c_minMatch]: 7,
  [constants.ZSTD_c_hashLog]: 6,
  [constants.ZSTD_c_chainLog]: 6,
  [constants.ZSTD_c_windowLog]: 18,
  [constants.ZSTD_c_targetLength]: 0,
  [constants.ZSTD_c_checksumFlag]: 1,
};

/** Upper bound, in bytes, of the output of `compress` for `size` bytes. */
export const compressedBound = (size: number): number => size + (size >> 8) + 64;

/**
 * Writes `bytes` as one frame into `target`, which must have room for `compressedBound` bytes; returns the frame's length.
 * @throws CacheError BAD_CONFIG when this Node cannot write zstd
 */
export function compress(bytes: Uint8Array, target: Uint8Array): number {
  if (typeof zlib.zstdCompressSync !== 'function') {
    throw new CacheError('BAD_CONFIG', `Node ${process.versions.node} cannot write zstd`, {
      hint: 'use Node 22.15, 23.8 or a later one, or set AUTOCACHE_COMPRESS=off',
    });
  }
  const chunkSize = compressedBound(bytes.length);
  const frame = zlib.zstdCompressSync(bytes, { params: huffmanOnly, chunkSize });
  target.set(frame);
  const { length } = frame;
  free(frame, chunkSize);
  return length;
}

/** The decoder under one of Node's streams, which has no public way to decode into given memory. */
interface Decoder {
  _handle: {
    writeSync(flush: number, from: Uint8Array, at: number, size: number, to: Uint8Array, toAt: number, room: number): void;
  };
  /** Bytes left of the room and of the input after a write. */
  _writeState: Uint32Array;
  errored: Error | null;
  on(event: 'error', listener: () => void): unknown;
}

let decoder = createDecoder();

/**
 * One decoder serves all frames and decodes into the target. `zstdDecompressSync` makes a stream, a decoder and a buffer for each frame,
 * which takes as long as decoding half of it.
 */
export const nodeZstd: Zstd = {
  decompress(frame, target) {
    decoder ??= createDecoder();
    if (!decoder) throw new CacheError('INTERNAL', 'this Node has no zstd decoder');
    const { _handle, _writeState } = decoder;
    _handle.writeSync(constants.ZSTD_e_continue, frame, 0, frame.length, target, 0, target.length);
    const [room, rest] = _writeState;
    if (room === 0 && rest === 0 && !decoder.errored) return;
    const cause = decoder.errored ?? new Error('its content is not as long as it declares');
    decoder = undefined;
    throw undecodable(cause);
  },
};

function createDecoder(): Decoder | undefined {
  const stream = zlib.createZstdDecompress?.({ chunkSize: 64 }) as Partial<Decoder> | undefined;
  if (!stream?._handle?.writeSync || !stream._writeState) return undefined;
  // A failure is read from `errored`.
  stream.on?.('error', () => {});
  return stream as Decoder;
}

export const packageZstd: Zstd = {
  async decompress(frame, target) {
    const { decompress } = await import('@mongodb-js/zstd');
    let content: Uint8Array;
    try {
      content = await decompress(bufferOf(frame));
    } catch (error) {
      throw undecodable(error);
    }
    place(content, target);
  },
};

export const bestZstd: Zstd = decoder ? nodeZstd : packageZstd;

function place(content: Uint8Array, target: Uint8Array): void {
  if (content.length !== target.length) throw undecodable('its content is not as long as it declares');
  target.set(content);
}

const undecodable = (cause: unknown): CacheError => corrupt(`a zstd frame does not decode: ${messageOf(cause)}`, cause);

/**
 * Frees the memory of a result at once instead of at some garbage collection, so that the next result gets the same pages: new ones
 * cost more than the copying. A small result shares its memory with other buffers, which shows in the size, and is left alone.
 */
function free({ buffer }: Uint8Array, chunkSize: number): void {
  if (buffer.byteLength === chunkSize) (buffer as { transfer?(size: number): unknown }).transfer?.(0);
}
