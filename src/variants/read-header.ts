import { readAt } from '../codec/file-io.ts';
import { CacheError } from '../core/errors.ts';
import { parseSafetensors, type SafetensorsHeader, safetensorsJsonSize } from '../weights/safetensors.ts';

/**
 * The header of an open safetensors file.
 * @param size of the file, bytes @returns it, and the bytes before the tensors
 * @throws CacheError CORRUPT, and errors of the file system
 */
export function readHeader(fd: number, size: number): { start: Buffer; header: SafetensorsHeader } {
  const first = Buffer.alloc(9);
  readAt(fd, first, 0);
  const jsonSize = safetensorsJsonSize(first, size);
  if (jsonSize === null) throw new CacheError('CORRUPT', 'it does not begin as a safetensors file');
  const start = Buffer.alloc(8 + jsonSize);
  readAt(fd, start, 0);
  return { start, header: parseSafetensors(start, size) };
}
