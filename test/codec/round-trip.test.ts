import { createHash } from 'node:crypto';
import { ftruncateSync } from 'node:fs';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeModel, makeSafetensors, makeTensor, type NamedTensor, weightTypes } from '../../bench/weights.ts';
import { decodeChunk, encodeChunk } from '../../src/codec/chunk-codec.ts';
import { createChunkMemory } from '../../src/codec/chunk-memory.ts';
import { CompressedFile } from '../../src/codec/compressed-file.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { buildTail } from '../../src/codec/footer.ts';
import { chunkBytes, maxChunks, type Run, transforms, widthOf } from '../../src/codec/format.ts';
import { plainKernels } from '../../src/codec/plain-kernels.ts';
import { wasmKernels } from '../../src/codec/wasm-kernels.ts';
import { nodeZstd, packageZstd } from '../../src/codec/zstd.ts';
import { testFile } from './files.ts';

const mebibyte = 2 ** 20;
const sha256 = (bytes: Uint8Array) => createHash('sha256').update(bytes).digest('hex');

async function compressed(original: Uint8Array, hooks = {}) {
  const target = testFile();
  const encoded = await encodeFile(testFile(original).fd, target.fd, hooks);
  return { ...target, encoded };
}

async function restored(fd: number): Promise<Buffer> {
  const target = testFile();
  await decodeFile(fd, target.fd);
  return target.bytes();
}

/** A model as they are found: several types, a tensor of odd length, an empty one, zeros, and exponents far apart. */
function mixedModel(): Uint8Array {
  const wild = new Uint8Array(new Float32Array(20_000).map((_, k) => (k % 7 ? 1e-30 * k ** 9 : 0)).buffer);
  const tensors: NamedTensor[] = [
    makeTensor('F32', 30_000, 1),
    { name: 'wild', dtype: 'F32', bytes: wild },
    { name: 'empty', dtype: 'F32', bytes: new Uint8Array() },
    makeTensor('BF16', 1_500_000, 2),
    makeTensor('F16', 70_001 * 2, 3),
    { name: 'zeros', dtype: 'BF16', bytes: new Uint8Array(400_000) },
    { name: 'odd', dtype: 'U8', bytes: new Uint8Array(12_345).fill(3) },
    makeTensor('F8_E4M3', 300_000, 4),
    makeTensor('F8_E4M3', 100_001, 6),
    { name: 'last', dtype: 'BF16', bytes: new Uint8Array(10) },
  ];
  return makeSafetensors(tensors);
}

test('a model of mixed types comes back byte for byte, and says what it was', async () => {
  const original = mixedModel();
  const file = await compressed(original);
  expect(file.encoded).toEqual({ size: original.length, storedSize: file.bytes().length, sha256: sha256(original) });
  expect((await restored(file.fd)).equals(original)).toBe(true);
  expect(new CompressedFile(file.fd).metadata).toMatchObject({ size: original.length, sha256: sha256(original) });
});

const goals = { BF16: 1.48, F16: 1.17, F32: 1.18, F8_E4M3: 1.2 };

test.each(weightTypes)('%s weights become as small as promised', async (dtype) => {
  const { encoded } = await compressed(makeModel(dtype, 4 * mebibyte));
  expect(encoded.size / encoded.storedSize).toBeGreaterThan(goals[dtype]);
});

/** The nearest fp8 (e4m3) of small weights, without a scale: below 2^-6 they are denormal, steps of 2^-9. */
function castToFp8(value: number): number {
  const exponent = Math.max(Math.floor(Math.log2(Math.abs(value) || 2 ** -9)), -6);
  return (value < 0 ? 0x80 : 0) | ((exponent + 6) * 8 + Math.round(Math.abs(value) / 2 ** (exponent - 3)));
}

test('fp8 is halved where its mantissas are noise, and stored as it is where they are not', { tags: 'slow' }, async () => {
  const small = new Float32Array(makeTensor('F32', 900_000, 7).bytes.buffer).map((value) => value / 3);
  const tensors = [
    makeTensor('F8_E4M3', 900_000, 1),
    { name: 'cast', dtype: 'F8_E4M3', bytes: Uint8Array.from(small, castToFp8) },
  ];
  const { fd, encoded } = await compressed(makeSafetensors(tensors));
  expect(new CompressedFile(fd).metadata.chunks.map(({ as }) => as)).toEqual(['plain', 'nibbles', 'plain']);
  expect(encoded.size / encoded.storedSize).toBeGreaterThan(1.4);
});

test('fp32 that was bf16 before becomes a third', async () => {
  const { bytes } = makeTensor('BF16', 1_000_000, 1);
  const wide = new Uint8Array(2 * bytes.length);
  for (let i = 0; i < bytes.length; i += 2) wide.set(bytes.subarray(i, i + 2), 2 * i + 2);
  const { encoded } = await compressed(makeSafetensors([{ name: 'x', dtype: 'F32', bytes: wide }]));
  expect(encoded.size / encoded.storedSize).toBeGreaterThan(2.8);
});

test.each([
  ['an empty file', Buffer.alloc(0)],
  ['one byte', Buffer.from('x')],
  ['a GGUF file', Buffer.concat([Buffer.from('GGUF\x03\0\0\0'), Buffer.alloc(16), Buffer.alloc(5000, 'quantised')])],
  ['text', Buffer.alloc(100_000, 'not weights at all ')],
  ['a damaged model', Buffer.from(makeModel('BF16', 4 * mebibyte).subarray(0, 3_000_001))],
])('%s comes back byte for byte', async (_, original) => {
  const { fd } = await compressed(original);
  expect((await restored(fd)).equals(original)).toBe(true);
});

const implementations = [wasmKernels, plainKernels].flatMap((kernels) =>
  [nodeZstd, packageZstd].map((zstd) => ({
    kernels,
    zstd,
    name: `${kernels.name}, ${zstd === nodeZstd ? 'node' : 'package'}`,
  })),
);

test.each(implementations)('a chunk of anything comes back through $name', async ({ kernels, zstd }) => {
  const capacity = 40_000;
  const make = (size: number) => kernels(size) ?? plainKernels(size);
  const memories = [createChunkMemory(capacity, { make }), createChunkMemory(capacity, { make })] as const;
  const chunk = fc.record({
    as: fc.constantFrom(...transforms),
    elements: fc.integer({ min: 1, max: capacity / 4 }),
    seed: fc.nat(),
    spread: fc.constantFrom(1, 9, 15, 16, 256),
  });
  await fc.assert(
    fc.asyncProperty(chunk, async ({ as, elements, seed, spread }) => {
      const run: Run = { as, size: elements * widthOf[as] };
      const original = Uint8Array.from(
        { length: run.size },
        (_, k) => (seed >> 8) + ((Math.imul(k + 1, seed | 1) >>> 13) % spread),
      );
      memories[0].raw.set(original);
      const encoded = encodeChunk(memories[0], run);
      const ends = encoded.frames.map((_, k) => encoded.frames.slice(0, k + 1).reduce((sum, size) => sum + size, 0));
      memories[1].frames.set(encoded.bytes);
      const frames = ends.map((end, k) => memories[1].frames.subarray(end - (encoded.frames[k] ?? 0), end));
      const bytes = await decodeChunk(memories[1], encoded.chunk, { frames, zstd });
      expect(Buffer.compare(bytes, original)).toBe(0);
    }),
    { numRuns: 100 },
  );
});

test('the chunks of the largest file that is compressed have room in its metadata', () => {
  const chunk = { size: chunkBytes, as: 'planes2r', crc32: 0xffffffff, pairs: { base: 255, escapes: 1023 } } as const;
  const chunks = Array.from({ length: maxChunks }, () => chunk);
  const whole = { size: maxChunks * chunkBytes, sha256: 'a'.repeat(64), chunks };
  expect(() => buildTail([], { format: 'autocached', version: 1, requires: [], about: {}, ...whole })).not.toThrow();
});

test('progress goes up to the end, and the caller sees every byte once, both ways', async () => {
  const original = mixedModel();
  const seen = { encoding: createHash('sha256'), decoding: createHash('sha256') };
  const steps: number[] = [];
  const hooks = (hash: keyof typeof seen) => ({
    onBytes: (bytes: Uint8Array) => void seen[hash].update(bytes),
    onProgress: (done: number, all: number) => void steps.push(done / all),
  });
  const { fd } = await compressed(original, hooks('encoding'));
  await decodeFile(fd, null, { ...hooks('decoding'), check: 'chunks' });
  expect(seen.encoding.digest('hex')).toBe(sha256(original));
  expect(seen.decoding.digest('hex')).toBe(sha256(original));
  expect(steps).toEqual([...steps.slice(0, steps.length / 2).sort(), ...steps.slice(steps.length / 2).sort()]);
  expect(steps.at(-1)).toBe(1);
});

test('both ways end at the next chunk when they are cancelled', { tags: 'slow' }, async () => {
  const original = makeModel('BF16', 8 * mebibyte);
  const { fd } = await compressed(original);
  const ways = [
    (hooks: object) => encodeFile(testFile(original).fd, testFile().fd, hooks),
    (hooks: object) => decodeFile(fd, testFile().fd, hooks),
  ];
  for (const way of ways) {
    const controller = new AbortController();
    let chunks = 0;
    const onProgress = () => {
      if (++chunks === 2) controller.abort();
    };
    await expect(way({ onProgress, signal: controller.signal })).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(chunks).toBe(2);
  }
});

test('a source that shrinks while it is read is not compressed as something else', { tags: 'slow' }, async () => {
  const source = testFile(makeModel('BF16', 8 * mebibyte));
  const onProgress = () => ftruncateSync(source.fd, mebibyte);
  await expect(encodeFile(source.fd, testFile().fd, { onProgress })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
});
