import { readAt } from '../codec/file-io.ts';
import type { OpenSource } from '../sources/driver.ts';
import { readFully } from '../sources/read-fully.ts';

/** Two files of one size are sampled in this many places, this many bytes each, before one is read whole. */
const samples = 16;
const sampleBytes = 64 * 1024;

/**
 * Whether a file of the source's size may have the same bytes: the samples at the start (a model's header), at the end, and between
 * agree.
 * @throws CacheError as `OpenSource.read` does, and errors of the other file's file system
 */
export async function looksAlike(source: OpenSource, twin: number): Promise<boolean> {
  const [a, b] = [Buffer.allocUnsafe(sampleBytes), Buffer.allocUnsafe(sampleBytes)];
  const last = Math.max(0, source.fingerprint.size - sampleBytes);
  for (let sample = 0; sample < samples; sample += 1) {
    const at = Math.floor((last * sample) / (samples - 1));
    const length = await readFully(source, a, at);
    if (readAt(twin, b, at) !== length || !a.subarray(0, length).equals(b.subarray(0, length))) return false;
  }
  return true;
}

/** Compares bytes of a source, block by block, with those of another file. */
export function comparer(twin: number): (bytes: Uint8Array, position: number) => boolean {
  let block = Buffer.allocUnsafe(0);
  return (bytes, position) => {
    if (block.length < bytes.length) block = Buffer.allocUnsafe(bytes.length);
    const same = block.subarray(0, bytes.length);
    return readAt(twin, same, position) === bytes.length && same.equals(bytes);
  };
}
