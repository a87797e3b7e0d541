import { expect, test } from 'vitest';
import { makeModel, makeSafetensors, makeTensor, type WeightType } from '../../bench/weights.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { trial } from '../../src/codec/estimate.ts';
import { testFile } from './files.ts';

const size = 4 * 2 ** 20;

test.each<[WeightType, boolean]>([
  ['BF16', true],
  ['F16', true],
  ['F32', true],
  ['F8_E4M3', true],
])('the estimate for %s is close to what compressing saves', { tags: 'slow' }, async (dtype, worthwhile) => {
  const source = testFile(makeModel(dtype, size));
  const estimate = await trial(source.fd);
  const encoded = await encodeFile(source.fd, testFile().fd);
  expect(estimate).toMatchObject({ kind: 'safetensors', fault: null, worthwhile });
  expect(estimate.saving).toBeCloseTo(1 - encoded.storedSize / encoded.size, 2);
});

test('weights that are quantised already are left alone', async () => {
  const { bytes } = makeTensor('F32', 2 ** 20, 1);
  const values = new Float32Array(bytes.buffer);
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  // Quantisers give each row its own scale; the largest value of all is about 1.6 times that of a row.
  const scaled = values.map((value) => Math.round((value / largest) * 127 * 1.6));
  const int8 = new Int8Array(scaled.map((value) => Math.max(-127, Math.min(127, value))));
  const model = makeSafetensors([{ name: 'x', dtype: 'I8', bytes: new Uint8Array(int8.buffer) }]);
  expect((await trial(testFile(model).fd)).worthwhile).toBe(false);
});

test('GGUF is left alone without a look at its tensors', async () => {
  const header = Buffer.from('GGUF\x03\0\0\0');
  const file = testFile(Buffer.concat([header, Buffer.alloc(16), Buffer.alloc(100_000)]));
  expect(await trial(file.fd)).toEqual({ kind: 'gguf', fault: null, saving: 0, worthwhile: false });
});

test('an empty file has nothing to save', async () => {
  expect(await trial(testFile().fd)).toMatchObject({ saving: 0, worthwhile: false });
});

test('a file whose header is damaged says so', async () => {
  const model = makeModel('BF16', size);
  const { kind, fault } = await trial(testFile(model.subarray(0, size / 2)).fd);
  expect(kind).toBe('other');
  expect(fault).toMatch(/safetensors header is wrong/);
});
