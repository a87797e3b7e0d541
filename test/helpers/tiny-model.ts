import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseSafetensors, type Tensor } from '../../src/weights/safetensors.ts';

export interface TinyTensor {
  name: string;
  dtype: string;
  shape: number[];
  bytes: Buffer;
}

/** Numbers as of a normal distribution, the same ones for a seed. */
export function numbers(count: number, seed: number, spread = 0.03): Float32Array {
  let state = seed * 2654435761 + 1;
  const next = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from({ length: count }, () => Math.sqrt(-2 * Math.log(next())) * Math.cos(2 * Math.PI * next()) * spread);
}

/** A tensor of these numbers, in BF16 or F32. */
export function tensorOf(name: string, shape: number[], values: Float32Array, dtype: 'BF16' | 'F32' = 'BF16'): TinyTensor {
  const bytes = Buffer.from(values.buffer, values.byteOffset, values.byteLength);
  if (dtype === 'F32') return { name, dtype, shape, bytes };
  const short = Buffer.alloc(values.length * 2);
  for (let i = 0; i < values.length; i++) short.writeUInt16LE(bytes.readUInt16LE(4 * i + 2), 2 * i);
  return { name, dtype, shape, bytes: short };
}

/** Writes a safetensors file. */
export function writeSafetensors(path: string, tensors: readonly TinyTensor[], metadata?: Record<string, string>): Buffer {
  let at = 0;
  const entries = tensors.map(({ name, dtype, shape, bytes }) => {
    at += bytes.length;
    return [name, { dtype, shape, data_offsets: [at - bytes.length, at] }];
  });
  const json = Buffer.from(JSON.stringify(Object.fromEntries([...(metadata ? [['__metadata__', metadata]] : []), ...entries])));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(json.length));
  const whole = Buffer.concat([size, json, ...tensors.map(({ bytes }) => bytes)]);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, whole);
  return whole;
}

/** A model with Wan's names: two blocks, a part of whose weights are layers that variants quantise. */
export function tinyWan(options: { dtype?: 'BF16' | 'F32'; outliers?: boolean } = {}): TinyTensor[] {
  const { dtype = 'BF16', outliers = false } = options;
  const weight = (name: string, shape: number[], seed: number) => {
    const values = numbers(
      shape.reduce((a, b) => a * b, 1),
      seed,
    );
    // Of one layer a few weights are far out: there fp8 is better than int8.
    if (outliers && name === 'blocks.1.ffn.0.weight') for (let i = 0; i < values.length; i += 64) values[i] = 3;
    return tensorOf(name, shape, values, dtype);
  };
  const block = (n: number) => [
    ...['q', 'k', 'v', 'o'].map((part, i) => weight(`blocks.${n}.self_attn.${part}.weight`, [64, 64], 10 * n + i)),
    weight(`blocks.${n}.self_attn.norm_q.weight`, [64], 5),
    weight(`blocks.${n}.self_attn.q.bias`, [64], 6),
    weight(`blocks.${n}.ffn.0.weight`, [128, 64], 10 * n + 7),
    weight(`blocks.${n}.ffn.2.weight`, [64, 128], 10 * n + 8),
    weight(`blocks.${n}.modulation`, [1, 6, 64], 9),
  ];
  return [
    weight('patch_embedding.weight', [64, 16, 1, 2, 2], 1),
    weight('text_embedding.0.weight', [64, 32], 2),
    ...block(0),
    ...block(1),
    weight('head.head.weight', [64, 64], 3),
    weight('head.modulation', [1, 2, 64], 4),
    weight('odd.bias', [3], 30),
  ];
}

/** The tensors of a file, by name, with their bytes. */
export function readSafetensors(file: Buffer): {
  tensors: Map<string, Tensor & { bytes: Buffer }>;
  metadata: Record<string, string>;
} {
  const { tensors, metadata } = parseSafetensors(file, file.length);
  return {
    tensors: new Map(tensors.map((tensor) => [tensor.name, { ...tensor, bytes: file.subarray(tensor.begin, tensor.end) }])),
    metadata,
  };
}
