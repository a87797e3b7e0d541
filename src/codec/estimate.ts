import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeChunk } from './chunk-codec.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { readAt } from './file-io.ts';
import { chunkBytes, type Run } from './format.ts';
import { type Layout, readLayout } from './layout.ts';
import { leastSaving } from './least-saving.ts';

export interface Trial {
  kind: Layout['kind'];
  /** Why a damaged header was not used; null when it is sound or the file has none. */
  fault: string | null;
  /** Estimated saving as a share of the size, 0..1. */
  saving: number;
  /** Whether the saving is at least a tenth. */
  worthwhile: boolean;
}

const samples = 5;

/**
 * Estimates the saving of `encodeFile` by encoding a few chunks spread over the file. GGUF files are not tried: their tensors are
 * quantised, and the rest saves at most 5 %.
 * @throws errors of the file system unchanged
 */
export async function trial(source: number): Promise<Trial> {
  const { size } = fstatSync(source);
  const { kind, fault, chunks } = readLayout(source, size);
  const saving = kind === 'gguf' ? 0 : await sampleSaving(source, chunks);
  return { kind, fault, saving, worthwhile: saving >= leastSaving };
}

async function sampleSaving(source: number, chunks: readonly Run[]): Promise<number> {
  const memory = createChunkMemory(chunkBytes);
  let before = 0;
  let after = 0;
  for (const { run, offset } of spread(chunks)) {
    const bytes = memory.raw.subarray(0, run.size);
    if (readAt(source, bytes, offset) < run.size) break;
    before += run.size;
    after += encodeChunk(memory, run).bytes.length;
    await nextTurn();
  }
  return before === 0 ? 0 : Math.max(0, 1 - after / before);
}

/** The chunks at even distances in the file, so that each kind of chunk counts by its share of the bytes. */
function spread(chunks: readonly Run[]): { run: Run; offset: number }[] {
  const total = chunks.reduce((sum, { size }) => sum + size, 0);
  const chosen: { run: Run; offset: number }[] = [];
  let offset = 0;
  for (const run of chunks) {
    const next = ((chosen.length + 0.5) / samples) * total;
    if (offset + run.size > next && chosen.length < samples) chosen.push({ run, offset });
    offset += run.size;
  }
  return chosen;
}
