import { CacheError } from '../core/errors.ts';
import { maxJsonBytes, parseJsonObject } from './bounded-json.ts';

export interface Tensor {
  name: string;
  /** The type in the file, `BF16`, `F8_E4M3`, …; unknown names are no error. */
  dtype: string;
  shape: number[];
  /** Position of its bytes in the file: from `begin` up to `end`. */
  begin: number;
  end: number;
}

export interface SafetensorsHeader {
  /** In the order of their bytes, without gaps and overlaps, from `dataBegin` to the end of the file. */
  tensors: Tensor[];
  dataBegin: number;
  /** Texts about the file as a whole, by name. */
  metadata: Record<string, string>;
}

const bits: Record<string, number> = {
  ...{ F4: 4, F6_E2M3: 6, F6_E3M2: 6, BOOL: 8, U8: 8, I8: 8, F8_E4M3: 8, F8_E5M2: 8, F8_E8M0: 8 },
  ...{ F16: 16, BF16: 16, U16: 16, I16: 16, F32: 32, U32: 32, I32: 32, F64: 64, U64: 64, I64: 64, C64: 64 },
};

/** Bytes of JSON, from the eight bytes before it; null when the file does not begin as safetensors. */
export function safetensorsJsonSize(start: Uint8Array, fileSize: number): number | null {
  if (start.length < 9 || start[8] !== 0x7b) return null;
  const size = new DataView(start.buffer, start.byteOffset).getBigUint64(0, true);
  return size <= BigInt(Math.min(fileSize - 8, maxJsonBytes)) ? Number(size) : null;
}

/**
 * Reads the header of a safetensors file: eight bytes with the length of the JSON, the JSON, then the tensors' bytes.
 * @param start the file up to the end of the JSON at least
 * @throws CacheError CORRUPT when the header is not one or does not agree with the size of the file
 */
export function parseSafetensors(start: Uint8Array, fileSize: number): SafetensorsHeader {
  const jsonSize = safetensorsJsonSize(start, fileSize);
  if (jsonSize === null || start.length < 8 + jsonSize) throw bad('it does not fit the file');
  const dataBegin = 8 + jsonSize;
  const json = parseJsonObject(start.subarray(8, dataBegin), 'the safetensors header');
  const tensors = Object.entries(json)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => readTensor(name, value, dataBegin))
    .sort((a, b) => a.begin - b.begin || a.end - b.end);
  let at = dataBegin;
  for (const tensor of tensors) {
    if (tensor.begin !== at)
      throw bad(`tensor ${shown(tensor.name)} ${tensor.begin < at ? 'overlaps another' : 'follows a gap'}`);
    at = tensor.end;
  }
  if (at !== fileSize) throw bad(`its tensors end at byte ${at} of ${fileSize}`);
  return { tensors, dataBegin, metadata: readMetadata(json['__metadata__']) };
}

function readMetadata(value: unknown): Record<string, string> {
  const texts = Object.entries((value ?? {}) as Record<string, unknown>).filter(([, text]) => typeof text === 'string');
  return Object.fromEntries(texts) as Record<string, string>;
}

function readTensor(name: string, value: unknown, dataBegin: number): Tensor {
  const { dtype, shape, data_offsets: offsets } = (value ?? {}) as Record<string, unknown>;
  if (typeof dtype !== 'string' || !isCounts(shape) || !isCounts(offsets)) throw bad(`tensor ${shown(name)} is not described`);
  const [first, second] = offsets;
  if (offsets.length !== 2 || first === undefined || second === undefined || first > second) {
    throw bad(`tensor ${shown(name)} has no range of bytes`);
  }
  const width = bits[dtype];
  const elements = shape.reduce((product, dimension) => product * dimension, 1);
  if (width !== undefined && elements * width !== (second - first) * 8) {
    throw bad(`tensor ${shown(name)} is not as long as its shape and type`);
  }
  return { name, dtype, shape, begin: dataBegin + first, end: dataBegin + second };
}

const isCounts = (value: unknown): value is number[] =>
  Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0);

const shown = (name: string): string => JSON.stringify(name.slice(0, 80));
const bad = (why: string): CacheError => new CacheError('CORRUPT', `the safetensors header is wrong: ${why}`);
