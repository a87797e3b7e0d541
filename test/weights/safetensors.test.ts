import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import { parseSafetensors, safetensorsJsonSize } from '../../src/weights/safetensors.ts';

function fileWith(header: unknown, declared?: bigint): Uint8Array {
  const json = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(declared ?? BigInt(json.length));
  return Buffer.concat([length, json]);
}

const tensor = (dtype: unknown, shape: unknown, offsets: unknown) => ({ dtype, shape, data_offsets: offsets });

test('tensors come in the order of their bytes, at their place in the file', () => {
  const start = fileWith({
    __metadata__: { format: 'pt' },
    late: tensor('F32', [3], [12, 24]),
    early: tensor('BF16', [2, 3], [0, 12]),
    empty: tensor('I64', [0, 7], [12, 12]),
  });
  const { tensors, dataBegin } = parseSafetensors(start, start.length + 24);
  expect(dataBegin).toBe(start.length);
  expect(tensors.map(({ name, begin, end }) => [name, begin - dataBegin, end - dataBegin])).toEqual([
    ['early', 0, 12],
    ['empty', 12, 12],
    ['late', 12, 24],
  ]);
});

test('a type that does not exist yet is no error', () => {
  const start = fileWith({ x: tensor('F5_E2M2', [10], [0, 7]) });
  expect(parseSafetensors(start, start.length + 7).tensors[0]?.dtype).toBe('F5_E2M2');
});

test('types smaller than a byte are measured in bits', () => {
  const start = fileWith({ x: tensor('F4', [10], [0, 5]) });
  expect(parseSafetensors(start, start.length + 5).tensors).toHaveLength(1);
});

const attacks: [string, Uint8Array, number, RegExp][] = [
  ['a header larger than the file', fileWith('{}', 1000n), 50, /does not fit/],
  ['a header of 2^64 - 1 bytes', fileWith('{}', 2n ** 64n - 1n), 10, /does not fit/],
  ['a header of 17 MiB', fileWith('{}', 17n * 1024n * 1024n), 2 ** 40, /does not fit/],
  ['a file of seven bytes', Uint8Array.of(1, 0, 0, 0, 0, 0, 0), 7, /does not fit/],
  ['a header that is no JSON', fileWith('{"a":'), 13, /not JSON/],
  ['a header that is not UTF-8', Buffer.concat([fileWith('{"a', 7n), Uint8Array.of(0xff, 0x22, 0x3a, 0x7d)]), 15, /not JSON/],
  ['a million open brackets', fileWith(`{"a":${'['.repeat(1_000_000)}`), 2 ** 30, /nested too deeply/],
  ['a tensor that is a number', fileWith({ a: 7 }), 15, /"a" is not described/],
  ['a tensor that is null', fileWith({ a: null }), 18, /"a" is not described/],
  ['a type that is a list', fileWith({ a: tensor([], [1], [0, 4]) }), 100, /not described/],
  ['a negative dimension', fileWith({ a: tensor('F32', [-1], [0, 4]) }), 100, /not described/],
  ['half an element', fileWith({ a: tensor('F32', [0.5], [0, 2]) }), 100, /not described/],
  ['a dimension of 1e300', fileWith({ a: tensor('F32', [1e300], [0, 4]) }), 100, /not described/],
  [
    'dimensions whose product overflows',
    fileWith({ a: tensor('F32', [2 ** 50, 2 ** 50, 0.0], [0, 4]) }),
    100,
    /shape and type/,
  ],
  ['one offset', fileWith({ a: tensor('F32', [1], [4]) }), 100, /no range/],
  ['offsets the wrong way round', fileWith({ a: tensor('F32', [1], [4, 0]) }), 100, /no range/],
  ['a shape that does not agree with the offsets', fileWith({ a: tensor('F32', [2], [0, 4]) }), 100, /shape and type/],
  ['tensors that overlap', fileWith({ a: tensor('U8', [4], [0, 4]), b: tensor('U8', [4], [3, 7]) }), 200, /"b" overlaps/],
  ['a gap between tensors', fileWith({ a: tensor('U8', [4], [0, 4]), b: tensor('U8', [4], [5, 9]) }), 200, /"b" follows a gap/],
  ['a tensor behind the end of the file', fileWith({ a: tensor('U8', [1e15], [0, 1e15]) }), 100, /end at byte/],
  ['bytes that belong to no tensor', fileWith({ a: tensor('U8', [1], [0, 1]) }), 1000, /end at byte/],
  [
    'a tensor named __proto__',
    fileWith('{"__proto__":{"dtype":"U8","shape":[1],"data_offsets":[9,10]}}'),
    100,
    /follows a gap/,
  ],
];

test.each(attacks)('%s is one clear error', (_, start, fileSize, message) => {
  expect(() => parseSafetensors(start, fileSize)).toThrow(CacheError);
  expect(() => parseSafetensors(start, fileSize)).toThrow(message);
});

test('arbitrary headers are parsed or refused, never worse', () => {
  const offsets = fc.oneof(fc.tuple(fc.nat(40), fc.nat(40)), fc.array(fc.oneof(fc.double(), fc.nat()), { maxLength: 3 }));
  const value = fc.oneof(
    fc.record({
      dtype: fc.constantFrom('F32', 'BF16', 'U8', 'NEW'),
      shape: fc.array(fc.nat(9), { maxLength: 3 }),
      data_offsets: offsets,
    }),
    fc.jsonValue({ maxDepth: 2 }),
  );
  const header = fc.oneof(fc.dictionary(fc.string(), value, { maxKeys: 4 }), fc.string(), fc.jsonValue());
  fc.assert(
    fc.property(
      header,
      fc.option(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), { freq: 5 }),
      fc.nat(500),
      (json, declared, fileSize) => {
        const start = fileWith(json, declared ?? undefined);
        try {
          const { tensors, dataBegin } = parseSafetensors(start, fileSize);
          expect(tensors.at(-1)?.end ?? dataBegin).toBe(fileSize);
        } catch (error) {
          expect(error).toBeInstanceOf(CacheError);
        }
      },
    ),
    { numRuns: 5000 },
  );
});

test('what does not begin as safetensors is left alone', () => {
  expect(safetensorsJsonSize(Buffer.from('PK\x03\x04 and so on'), 100)).toBeNull();
  expect(safetensorsJsonSize(Buffer.from('GGUF'), 100)).toBeNull();
  expect(safetensorsJsonSize(fileWith('{}'), 10)).toBe(2);
});
