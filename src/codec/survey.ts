import { createHash } from 'node:crypto';
import { closeSync, fstatSync, openSync } from 'node:fs';
import type { Tensor } from '../weights/safetensors.ts';
import { encodeChunk, encodeDifference } from './chunk-codec.ts';
import { createChunkMemory } from './chunk-memory.ts';
import { readAt } from './file-io.ts';
import { chunkBytes } from './format.ts';
import { readTensors, transformOf } from './layout.ts';
import { bytesOf, isNumberType } from './number-types.ts';

/** Minimum size of a compared tensor, bytes: smaller ones are few bytes in many places. */
const leastTensor = 64 * 1024;
const sampleBytes = 4096;
/** Number of chunks tried to estimate the saving of differences between two files. */
const triedChunks = 8;
/** The same as for compressing copies. */
const leastGain = 1.3;
const pieceBytes = 1024 * 1024;

export interface SurveyOptions {
  /** Maximum bytes read to compare tensors whose samples are equal; the rest counts by its samples. */
  mostBytes: number;
  /** Called after each piece with its bytes, to give way to other work. */
  turn(bytes: number): Promise<unknown>;
}

/** Estimated saving of sharing among some model files. All bytes are those of the files as they are. */
export interface Survey {
  /** Safetensors files among them, their bytes and tensors. */
  files: number;
  bytes: number;
  tensors: number;
  /** Bytes of tensors that another file, or the same, has too. */
  equalBytes: number;
  /** Bytes of these that were compared by samples only. */
  unread: number;
  /** Files in which differences from another one would be smaller than they are compressed alone. */
  deltas: DeltaEstimate[];
}

export interface DeltaEstimate {
  path: string;
  base: string;
  /** Bytes of tensors that the base has with other values, or in another type: as they are, compressed, and as differences. */
  bytes: number;
  alone: number;
  delta: number;
}

interface Place {
  path: string;
  fd: number;
  tensor: Tensor;
}

/** Finds equal tensors, and pairs of files of which one could stand on the other. @throws errors of the file system unchanged */
export async function surveyFiles(paths: readonly string[], options: SurveyOptions): Promise<Survey> {
  const opened = paths.map((path) => ({ path, fd: openSync(path, 'r') }));
  try {
    const models = opened
      .map((file) => ({ ...file, size: fstatSync(file.fd).size }))
      .map((file) => ({ ...file, tensors: readTensors(file.fd, file.size) }))
      .filter(({ tensors }) => tensors.length > 0);
    const places = models.flatMap(({ path, fd, tensors }) => tensors.map((tensor): Place => ({ path, fd, tensor })));
    const digests = await digestsOf(
      places.filter(({ tensor }) => tensor.end - tensor.begin >= leastTensor),
      options,
    );
    const copies = [...Map.groupBy(digests.of.keys(), (place) => digests.of.get(place) ?? '').values()];
    const repeated = copies.flatMap((same) => same.slice(1));
    return {
      files: models.length,
      bytes: models.reduce((sum, { size }) => sum + size, 0),
      tensors: places.length,
      equalBytes: repeated.reduce((sum, { tensor }) => sum + tensor.end - tensor.begin, 0),
      unread: digests.unread,
      deltas: await estimateDeltas(models, { ...options, digests: digests.of }),
    };
  } finally {
    for (const { fd } of opened) closeSync(fd);
  }
}

/** A digest for each tensor: of its bytes where another may be equal, else of samples of them, which shows that none is. */
async function digestsOf(places: Place[], { mostBytes, turn }: SurveyOptions) {
  const of = new Map<Place, string>();
  const budget = { left: mostBytes };
  let unread = 0;
  const sampled = new Map<Place, string>();
  const alike = Map.groupBy(places, ({ tensor: { dtype, begin, end } }) => `${dtype}:${end - begin}`);
  for (const [kind, group] of alike) {
    for (const place of group) {
      sampled.set(place, group.length > 1 ? `${kind}:${sampleOf(place)}` : `${kind}:alone`);
      if (group.length > 1) await turn(3 * sampleBytes);
    }
  }
  for (const [sample, group] of Map.groupBy(places, (place) => sampled.get(place) ?? '')) {
    for (const place of group) {
      const bytes = place.tensor.end - place.tensor.begin;
      const isRead = group.length > 1 && budget.left >= bytes;
      if (isRead) budget.left -= bytes;
      else if (group.length > 1) unread += bytes;
      of.set(place, isRead ? `${sample}:${await digestOf(place, turn)}` : sample);
    }
  }
  return { of, unread };
}

function sampleOf({ fd, tensor: { begin, end } }: Place): string {
  const hash = createHash('sha256');
  const piece = new Uint8Array(sampleBytes);
  for (const at of [begin, Math.floor((begin + end - sampleBytes) / 2), end - sampleBytes]) {
    hash.update(piece.subarray(0, readAt(fd, piece, at)));
  }
  return hash.digest('hex');
}

async function digestOf({ fd, tensor: { begin, end } }: Place, turn: SurveyOptions['turn']): Promise<string> {
  const hash = createHash('sha256');
  const piece = new Uint8Array(pieceBytes);
  for (let at = begin; at < end; at += piece.length) {
    const part = piece.subarray(0, Math.min(piece.length, end - at));
    hash.update(part.subarray(0, readAt(fd, part, at)));
    await turn(part.length);
  }
  return hash.digest('hex');
}

interface Model {
  path: string;
  fd: number;
  size: number;
  tensors: readonly Tensor[];
}

/** The estimate for each file, against the earlier file that has most in common with it. */
async function estimateDeltas(
  models: Model[],
  options: SurveyOptions & { digests: ReadonlyMap<Place, string> },
): Promise<DeltaEstimate[]> {
  const digest = new Map([...options.digests].map(([{ path, tensor }, value]) => [`${path}\0${tensor.name}`, value]));
  const estimates: DeltaEstimate[] = [];
  for (const [k, model] of models.entries()) {
    const pairs = models.slice(0, k).map((base) => ({ base, shared: differing(model, base, digest) }));
    const bytesOf = ({ shared }: (typeof pairs)[number]) => shared.reduce((sum, { own }) => sum + own.end - own.begin, 0);
    const best = pairs.toSorted((a, b) => bytesOf(b) - bytesOf(a))[0];
    if (!best || bytesOf(best) === 0) continue;
    const { alone, delta, size } = await tryDifferences(model.fd, { fd: best.base.fd, shared: best.shared }, options);
    if (alone < leastGain * delta) continue;
    const share = bytesOf(best) / size;
    estimates.push({
      path: model.path,
      base: best.base.path,
      bytes: bytesOf(best),
      alone: Math.round(alone * share),
      delta: Math.round(delta * share),
    });
  }
  return estimates;
}

interface Pair {
  own: Tensor;
  other: Tensor;
}

/** Tensors of the same name and as many numbers whose bytes differ, of types that differences are taken of. */
function differing(model: Model, base: Model, digest: ReadonlyMap<string, string>): Pair[] {
  const others = new Map(base.tensors.map((tensor) => [tensor.name, tensor]));
  return model.tensors.flatMap((own): Pair[] => {
    const other = others.get(own.name);
    const length = own.end - own.begin;
    if (!other || !isNumberType(own.dtype) || !isNumberType(other.dtype) || length < leastTensor) return [];
    if (length / bytesOf[own.dtype] !== (other.end - other.begin) / bytesOf[other.dtype]) return [];
    return digest.get(`${model.path}\0${own.name}`) === digest.get(`${base.path}\0${own.name}`) ? [] : [{ own, other }];
  });
}

/** Compressed bytes of some pieces alone, and as differences. */
async function tryDifferences(fd: number, base: { fd: number; shared: Pair[] }, { turn }: SurveyOptions) {
  const memory = createChunkMemory(chunkBytes);
  const before = new Uint8Array(2 * chunkBytes);
  const sum = { size: 0, alone: 0, delta: 0 };
  const step = Math.max(1, Math.floor(base.shared.length / triedChunks));
  for (let k = 0; k < base.shared.length; k += step) {
    const pair = base.shared[k];
    const as = transformOf[pair?.own.dtype ?? ''];
    const type = pair?.other.dtype ?? '';
    if (!pair || !as || !isNumberType(type)) continue;
    const { own, other } = pair;
    const size = Math.min(chunkBytes, own.end - own.begin);
    const bytes = before.subarray(0, (size / (own.end - own.begin)) * (other.end - other.begin));
    readAt(base.fd, bytes, other.begin);
    readAt(fd, memory.raw.subarray(0, size), own.begin);
    const alone = encodeChunk(memory, { size, as }).bytes.length;
    const delta = encodeDifference(memory, { size, as }, { bytes, type })?.bytes.length ?? alone;
    sum.size += size;
    sum.alone += alone;
    sum.delta += Math.min(alone, delta);
    await turn(size + bytes.length);
  }
  return sum;
}
