import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Tensor } from '../weights/safetensors.ts';
import type { BaseFile } from './base-file.ts';
import { encodeChunk, encodeDifference } from './chunk-codec.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { crc32 } from './crc32.ts';
import { readAt } from './file-io.ts';
import { chunkBytes, mostBases, type Run } from './format.ts';
import { readLayout, readTensors } from './layout.ts';
import { tensorAt } from './tensor-at.ts';

/** A difference must be smaller than the chunk alone by this factor, in the mean of the samples that are not equal. */
const leastDeltaGain = 1.3;
/** With bases, a file must be smaller by this factor. */
const leastGain = 1.1;
/** Number of chunks that are tried, at even distances. */
const samples = 48;

/** A base of a file, and whether differences from it pay. */
export interface ChosenBase {
  base: BaseFile;
  delta: boolean;
}

export interface BaseTrial {
  /** The best first; none when they would save too little. */
  bases: ChosenBase[];
  /** Estimated bytes of the samples: as they are, compressed alone, and compressed with these bases. */
  size: number;
  alone: number;
  withBases: number;
}

/** Compressed bytes of one sample: alone, and with each candidate. */
interface Sample {
  size: number;
  alone: number;
  /** Zero where it has the same chunk. */
  with: { same: boolean; bytes: number }[];
}

/**
 * Chooses the files that a model should stand on, by trying chunks from all over it.
 * @param source an open file  @throws errors of the file system unchanged, CacheError CORRUPT of a base
 */
export async function chooseBases(source: number, size: number, candidates: readonly BaseFile[]): Promise<BaseTrial> {
  const taken = await takeSamples(source, size, candidates);
  const sum = (of: (sample: Sample) => number) => taken.reduce((total, sample) => total + of(sample), 0);
  const [raw, alone] = [sum((sample) => sample.size), sum((sample) => sample.alone)];
  const paysDelta = candidates.map((_, k) => {
    const different = taken.filter((sample) => sample.with[k]?.same === false);
    const bytes = (of: (sample: Sample) => number) => different.reduce((total, sample) => total + of(sample), 0);
    return bytes((sample) => sample.alone) >= leastDeltaGain * bytes((sample) => sample.with[k]?.bytes ?? sample.alone);
  });
  const bytesWith = (sample: Sample, k: number) => {
    const found = sample.with[k];
    return found && (found.same || paysDelta[k]) ? Math.min(found.bytes, sample.alone) : sample.alone;
  };
  const chosen: number[] = [];
  let withBases = alone;
  while (chosen.length < Math.min(mostBases, candidates.length)) {
    const totals = candidates.map((_, k) =>
      sum((sample) => Math.min(...[...chosen, k].map((one) => bytesWith(sample, one)), sample.alone)),
    );
    const best = totals.reduce((least, total, k) => (total < (totals[least] ?? 0) ? k : least), 0);
    // A further base must pay for being kept.
    if ((totals[best] ?? 0) * leastGain > withBases) break;
    chosen.push(best);
    withBases = totals[best] ?? 0;
  }
  const bases = chosen.flatMap((k): ChosenBase[] => {
    const base = candidates[k];
    return base ? [{ base, delta: paysDelta[k] === true }] : [];
  });
  return { bases, size: raw, alone, withBases };
}

async function takeSamples(source: number, size: number, candidates: readonly BaseFile[]): Promise<Sample[]> {
  const { chunks } = readLayout(source, size);
  const tensors = readTensors(source, size);
  const memory = createChunkMemory(chunkBytes);
  const taken: Sample[] = [];
  let next = 0;
  let position = 0;
  for (const run of chunks) {
    const at = position;
    position += run.size;
    if (position <= next) continue;
    next = (size * (taken.length + 1)) / samples;
    const bytes = memory.raw.subarray(0, run.size);
    if (readAt(source, bytes, at) < run.size) break;
    const crc = crc32(bytes);
    const alone = encodeChunk(memory, run).bytes.length;
    const found: Sample['with'] = [];
    for (const base of candidates) {
      const same = (await base.equal(bytes, crc)) !== null;
      found.push({ same, bytes: same ? 0 : ((await differenceBytes(memory, run, { base, tensors, at })) ?? alone) });
    }
    taken.push({ size: run.size, alone, with: found });
    await nextTurn();
  }
  return taken;
}

/** Null where the base has nothing to take a difference from. */
async function differenceBytes(
  memory: ReturnType<typeof createChunkMemory>,
  run: Run,
  { base, tensors, at }: { base: BaseFile; tensors: readonly Tensor[]; at: number },
): Promise<number | null> {
  const tensor = tensorAt(tensors, at);
  const near = tensor && (await base.near(tensor, at - tensor.begin, run.size));
  if (!near) return null;
  return encodeDifference(memory, run, { bytes: await base.numbers(near), type: near.type })?.bytes.length ?? null;
}
