import fc from 'fast-check';
import { expect, test } from 'vitest';
import { makeSafetensors } from '../../bench/weights.ts';
import { chunkBytes, type Run, transforms, widthOf } from '../../src/codec/format.ts';
import { cut, readLayout } from '../../src/codec/layout.ts';
import { testFile } from './files.ts';

const run = fc
  .record({ as: fc.constantFrom(...transforms), elements: fc.oneof(fc.nat(100), fc.nat(50_000), fc.nat(3_000_000)) })
  .map(({ as, elements }): Run => ({ as, size: elements * widthOf[as] }));

const total = (runs: readonly Run[]) => runs.reduce((sum, { size }) => sum + size, 0);

test('chunks hold every byte, none is too large, and none cuts an element', () => {
  fc.assert(
    fc.property(fc.array(run, { maxLength: 30 }), (runs) => {
      const chunks = cut(runs);
      expect(total(chunks)).toBe(total(runs));
      for (const { size, as } of chunks) {
        expect(size).toBeGreaterThan(0);
        expect(size).toBeLessThanOrEqual(chunkBytes);
        expect(size % widthOf[as]).toBe(0);
      }
    }),
    { numRuns: 500 },
  );
});

test('many small tensors share chunks instead of paying for frames of their own', () => {
  const runs = Array.from({ length: 10_000 }, (_, k): Run => ({ size: 2048, as: k % 2 ? 'planes2r' : 'planes4r' }));
  expect(cut(runs).length).toBe(Math.ceil((10_000 * 2048) / chunkBytes));
});

test('a larger tensor of another type begins a chunk of its own', () => {
  const runs: Run[] = [
    { size: 100_000, as: 'plain' },
    { size: 200_000, as: 'planes2r' },
  ];
  expect(cut(runs)).toEqual(runs);
});

test('a tiny tensor that would push the next one off its elements is not taken in', () => {
  const runs: Run[] = [
    { size: 1000, as: 'planes2r' },
    { size: 13, as: 'plain' },
    { size: 10_000, as: 'planes2r' },
  ];
  expect(cut(runs)).toEqual(runs);
});

test('a large tensor is cut the same way wherever it lies, so that equal tensors make equal chunks', () => {
  const large: Run = { size: 5_000_000, as: 'planes2r' };
  const alone = cut([large]);
  const amid = cut([{ size: 777, as: 'plain' }, large, { size: 64, as: 'planes4r' }]);
  expect(amid.slice(1, -1)).toEqual(alone);
});

const bytes = (length: number) => new Uint8Array(length);

test('each type is stored in its own way, and unknown ones as they are', () => {
  const tensors = ['BF16', 'F16', 'F32', 'F8_E4M3', 'F8_E5M2', 'I64', 'F5_NEW'].map((dtype) => ({
    name: dtype,
    dtype,
    bytes: bytes(8192),
  }));
  const header = {
    ...Object.fromEntries(tensors.map(({ name, dtype }, k) => [name, { dtype, data_offsets: [k * 8192, (k + 1) * 8192] }])),
  };
  const width: Record<string, number> = { BF16: 2, F16: 2, F32: 4, I64: 8 };
  for (const [name, entry] of Object.entries(header)) Object.assign(entry, { shape: [8192 / (width[name] ?? 1)] });
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  const file = testFile(Buffer.concat([length, json, ...tensors.map((tensor) => tensor.bytes)]));
  const { kind, fault, chunks } = readLayout(file.fd, file.bytes().length);
  expect({ kind, fault }).toEqual({ kind: 'safetensors', fault: null });
  expect(chunks.map(({ as }) => as)).toEqual(['plain', 'planes2r', 'planes2', 'planes4r', 'nibbles', 'plain']);
});

test('a damaged header leaves the file alone and says why', () => {
  const good = makeSafetensors([{ name: 'x', dtype: 'BF16', bytes: bytes(64) }]);
  const file = testFile(good.subarray(0, good.length - 1));
  expect(readLayout(file.fd, good.length - 1)).toMatchObject({
    kind: 'other',
    fault: expect.stringMatching(/end at byte/),
    chunks: [{ as: 'plain' }],
  });
});

test.each([
  ['a pickle', Buffer.from('\x80\x02}q\x00.'), 'other'],
  ['an empty file', Buffer.alloc(0), 'other'],
  ['one byte', Buffer.from('{'), 'other'],
])('%s is left alone', (_, content, kind) => {
  const file = testFile(content);
  expect(readLayout(file.fd, content.length)).toEqual({
    kind,
    fault: null,
    chunks: cut([{ size: content.length, as: 'plain' }]),
  });
});
