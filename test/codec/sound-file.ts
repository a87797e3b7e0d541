import { expect } from 'vitest';
import { makeSafetensors, makeTensor } from '../../bench/weights.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { buildTail, readTail } from '../../src/codec/footer.ts';
import type { Metadata } from '../../src/codec/format.ts';
import { CacheError } from '../../src/core/errors.ts';
import { type TestFile, testFile } from './files.ts';

/**
 * A compressed file to be damaged. Its chunks: 0 the header, 1 fp32 (frames 1 to 4), 2 bf16 (5, 6), 3 fp16 (7, 8), 4 bf16 (9, 10),
 * 5 fp8 (11, 12).
 */
export const original = makeSafetensors([
  makeTensor('F32', 3000, 1),
  makeTensor('BF16', 12_000, 2),
  makeTensor('F16', 4000, 3),
  makeTensor('BF16', 12_000, 4),
  makeTensor('F8_E4M3', 8000, 5),
]);
const sound = testFile();
await encodeFile(testFile(original).fd, sound.fd);
export const soundBytes = sound.bytes();
const { metadata, frames } = readTail(sound.fd);

export interface Parts {
  frames: { bytes: Uint8Array; contentSize: number }[];
  metadata: Metadata;
}

/** The sound file, taken apart. */
export function takeApart(): Parts {
  return {
    metadata: structuredClone(metadata),
    frames: frames.map(({ position, size, contentSize }) => ({
      bytes: soundBytes.subarray(position, position + size),
      contentSize,
    })),
  };
}

/** A file whose end is sound in form, whatever it says. */
export function assemble({ frames, metadata }: Parts): Buffer {
  const lines = frames.map(({ bytes, contentSize }) => ({ size: bytes.length, contentSize }));
  return Buffer.concat([...frames.map(({ bytes }) => bytes), buildTail(lines, metadata)]);
}

export async function decode(file: TestFile): Promise<Buffer> {
  const pieces: Buffer[] = [];
  await decodeFile(file.fd, null, { onBytes: (bytes) => void pieces.push(Buffer.from(bytes)) });
  return Buffer.concat(pieces);
}

/** True when the damage was found. Otherwise the original must have come out: the damage hit what means nothing to a decoder. */
export async function isFound(file: TestFile): Promise<boolean> {
  try {
    expect((await decode(file)).equals(original)).toBe(true);
    return false;
  } catch (error) {
    if (!(error instanceof CacheError)) throw error;
    expect(['CORRUPT', 'BAD_REQUEST']).toContain(error.code);
    return true;
  }
}
