import { fstatSync } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { encodeChunk } from './chunk-codec.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { readAt } from './file-io.ts';
import { chunkBytes, type Run } from './format.ts';
import { type Layout, readLayout } from './layout.ts';

export interface Trial {
  kind: Layout['kind'];
  /** Why the header was not used, when it looks like one but is damaged. */
  fault: string | null;
  /** Estimated share of the size that compressing saves, 0..1. */
  saving: number;
  /** Whether that is enough to be worth it: a tenth. */
  worthwhile: boolean;
}

/** Share of its size that compressing a file must save. */
const leastSaving = 0.1;
const samples = 5;

/** Most bytes that the compressed form of so many may take. */
export function mostCompressed(size: number): number {
  return Math.floor(size * (1 - leastSaving));
}

/**
 * Estimates what `encodeFile` would save, by encoding a few chunks spread over the file. GGUF files are not even tried: their
 * tensors are quantised, and what is left saves 5 % at best.
 * @throws errors of the file system as they are
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

/** The chunks that lie at even distances in the file, so that each kind of chunk counts by its share of the bytes. */
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
