import { hugeMemory } from './huge-pages.ts';
import { pageAligned } from './uncached.ts';

/** By its buffer, all memory that may be given back. */
const returnable = new WeakMap<ArrayBufferLike, Uint8Array>();
/** The memory that was given back last, until garbage is collected. */
let spare: WeakRef<Uint8Array> | undefined;

/**
 * A buffer for reads and writes past the page cache, with any contents; in huge pages, where there are any. Memory that was given back
 * is used again: the kernel would clear and map new memory page by page.
 */
export function blockMemory(size: number): Uint8Array {
  const kept = spare?.deref();
  if (kept && kept.length >= size) {
    spare = undefined;
    return kept.subarray(0, size);
  }
  const memory = hugeMemory(size) ?? pageAligned(size);
  returnable.set(memory.buffer, memory);
  return memory.subarray(0, size);
}

/** Takes back, once, a buffer from `blockMemory` that nothing reads or writes any more. */
export function giveBack(bytes: Uint8Array): void {
  const memory = returnable.get(bytes.buffer);
  if (memory) spare = new WeakRef(memory);
}
