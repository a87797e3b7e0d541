import { CacheError } from '../core/errors.ts';

export interface GgufHeader {
  version: number;
  tensors: number;
  keys: number;
}

/** Size of the header, bytes. */
export const ggufHeaderSize = 24;
/** Minimum size of the description of a tensor and of a key, bytes; they bound the counts by the file's size. */
const [tensorBytes, keyBytes] = [24, 13];

export function isGguf(start: Uint8Array): boolean {
  return start.length >= 4 && start[0] === 0x47 && start[1] === 0x47 && start[2] === 0x55 && start[3] === 0x46;
}

/**
 * Reads the fixed part of a GGUF file's header: enough to recognise one. Its tensors are quantised already and hardly compress.
 * (Versions 2 and 3; the counts of the long obsolete version 1 were shorter.)
 * @param start the first 24 bytes of the file
 * @throws CacheError CORRUPT
 */
export function parseGguf(start: Uint8Array, fileSize: number): GgufHeader {
  if (!isGguf(start) || start.length < ggufHeaderSize) throw bad('it is cut off');
  const view = new DataView(start.buffer, start.byteOffset);
  const version = view.getUint32(4, true);
  if (version !== 2 && version !== 3) throw bad(`its version is ${version}`);
  const tensors = view.getBigUint64(8, true);
  const keys = view.getBigUint64(16, true);
  if (tensors * BigInt(tensorBytes) + keys * BigInt(keyBytes) > BigInt(fileSize)) {
    throw bad('it counts more tensors and keys than the file has room for');
  }
  return { version, tensors: Number(tensors), keys: Number(keys) };
}

const bad = (why: string): CacheError => new CacheError('CORRUPT', `the GGUF header is wrong: ${why}`);
