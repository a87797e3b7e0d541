import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { changed } from '../../bench/fine-tunes.ts';
import { encoders, makeSafetensors, makeTensor, type NamedTensor } from '../../bench/weights.ts';
import { BaseFile } from '../../src/codec/base-file.ts';
import { buildTail, readTail } from '../../src/codec/footer.ts';
import type { BaseChunk, Metadata } from '../../src/codec/format.ts';
import { converted, type NumberType, numbersIn } from '../../src/codec/number-types.ts';
import { restoreScript } from '../../src/codec/restore-script.ts';
import { CompressedTier } from './compressed-tier.ts';

/** Chunks of fp32 and of fp16 end at different numbers: neither of these is a whole number of MiB in both. */
const sizes = [700_000, 3000, 411_111, 1_000_000];
const weights = Object.fromEntries(
  sizes.map((size, k) => [`blocks.${k}.weight`, new Float32Array(new Uint8Array(makeTensor('F32', size, k + 1).bytes).buffer)]),
);

function model(type: NumberType, names = Object.keys(weights)): Uint8Array {
  const tensors = names.map(
    (name): NamedTensor => ({ name, dtype: type, bytes: encoders[type](weights[name]?.slice() ?? new Float32Array()) }),
  );
  return makeSafetensors(tensors);
}

let compressed: Promise<{ base: Buffer; twin: Buffer }> | undefined;

/** A model in fp32 and its twin in fp16. They are compressed once; each test has files of its own. */
async function withTwin(): Promise<CompressedTier> {
  const tier = new CompressedTier();
  compressed ??= compressTwins();
  for (const [name, bytes] of Object.entries(await compressed)) writeFileSync(tier.path(name), bytes);
  return tier;
}

async function compressTwins() {
  const tier = new CompressedTier();
  await tier.compress('base', model('F32'));
  await tier.compress('twin', model('F16'), ['base']);
  return { base: readFileSync(tier.path('base')), twin: readFileSync(tier.path('twin')) };
}

test.each([
  ['F32', 'F16', 200],
  ['F32', 'BF16', 200],
  ['F16', 'F32', 1.9],
  ['BF16', 'F32', 1.6],
  ['F16', 'BF16', 1.5],
] as const)(
  'beside its twin in %s, a model in %s is at least so much smaller: %d',
  { tags: 'slow' },
  async (base, type, gain) => {
    const tier = new CompressedTier();
    await tier.compress('base', model(base));
    const twin = model(type, Object.keys(weights).toReversed());
    const alone = await tier.compress('alone', twin);
    const { bytes, trial } = await tier.compress('twin', twin, ['base']);
    expect(trial.bases.map(({ delta }) => delta)).toEqual([true]);
    expect(alone.bytes / bytes).toBeGreaterThan(gain);
    expect((await tier.restore('twin')).equals(twin)).toBe(true);
    expect(spawnSync('zstd', ['-tq', tier.path('twin')]).status).toBe(0);
  },
);

test('fine-tunes in fp32 are stored as differences too', async () => {
  const tier = new CompressedTier();
  const tensor = { ...makeTensor('F32', 600_000, 1), name: 'a' };
  await tier.compress('base', makeSafetensors([tensor]));
  const tuned = makeSafetensors([changed(tensor, 0.003, 1)]);
  const alone = await tier.compress('alone', tuned);
  const { bytes } = await tier.compress('tuned', tuned, ['base']);
  expect(alone.bytes / bytes).toBeGreaterThan(1.35);
  expect((await tier.restore('tuned')).equals(tuned)).toBe(true);
});

test('a file says which of its chunks need a reader that knows of numbers in other types', { tags: 'slow' }, async () => {
  const tier = await withTwin();
  const fd = openSync(tier.path('twin'), 'r');
  const { requires, chunks } = readTail(fd).metadata;
  closeSync(fd);
  expect(requires).toEqual(['base', 'numbers']);
  expect(chunks.filter(({ from }) => from?.type === 'F32' && from.skip !== undefined).length).toBeGreaterThan(0);
});

test('nothing is made of chunks that a base has only from another one', async () => {
  const tier = await withTwin();
  using twin = new BaseFile(tier.path('twin'), 'files/twin.zst');
  const tensor = { name: 'blocks.0.weight', dtype: 'F32', shape: [700_000], begin: 0, end: 2_800_000 };
  expect(await twin.near(tensor, 0, 1024)).toBeNull();
  using base = new BaseFile(tier.path('base'), 'files/base.zst');
  expect(await base.near({ ...tensor, dtype: 'F16', end: 1_400_000 }, 0, 1024)).toMatchObject({ type: 'F32', length: 2048 });
});

test.each<[string, (from: BaseChunk, file: Metadata) => void, RegExp]>([
  [
    'numbers behind the end of the base',
    (from) => Object.assign(from, { chunk: 10, skip: 1_000_000 }),
    /its base does not have/,
  ],
  ['a chunk that the base lacks', (from) => Object.assign(from, { chunk: 1e9 }), /its base does not have/],
  ['numbers of another type', (from) => Object.assign(from, { type: 'BF16' }), /CRC-32/],
  ['other numbers', (from) => Object.assign(from, { skip: 64 }), /CRC-32/],
  ['numbers that begin in the middle of one', (from) => Object.assign(from, { skip: 3 }), /CRC-32/],
  ['an unknown type', (from) => Object.assign(from, { type: 'F64' }), /from is wrong/],
  ['more than a chunk to leave out', (from) => Object.assign(from, { skip: 2 ** 40 }), /from is wrong/],
  ['what it does not say to need', (_, file) => Object.assign(file, { requires: ['base'] }), /its form is not named/],
])('a twin that names %s is one clear error', async (_, change, message) => {
  const tier = await withTwin();
  const path = tier.path('twin');
  const fd = openSync(path, 'r');
  const { metadata, frames } = readTail(fd);
  closeSync(fd);
  const from = metadata.chunks.find(({ from: one }) => one?.type === 'F32')?.from;
  if (!from) throw new Error('it stands on nothing');
  change(from, metadata);
  const end = frames.reduce((sum, { size }) => sum + size, 0);
  writeFileSync(path, Buffer.concat([readFileSync(path).subarray(0, end), buildTail(frames, metadata)]));
  await expect(tier.restore('twin')).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringMatching(message) });
});

test('Python restores twins without us', { tags: 'slow', timeout: 120_000 }, async () => {
  const tier = new CompressedTier();
  const script = join(tier.dir, 'restore.py');
  writeFileSync(script, restoreScript);
  for (const [base, type] of [
    ['F32', 'F16'],
    ['F16', 'F32'],
    ['F32', 'BF16'],
    ['BF16', 'F16'],
  ] as const) {
    const name = `${base}-${type}`;
    await tier.compress(`base-${name}`, edges(base));
    const twin = edges(type);
    await tier.compress(name, twin, [`base-${name}`]);
    const fd = openSync(tier.path(name), 'r');
    expect(readTail(fd).metadata.requires).toEqual(['base', 'numbers']);
    closeSync(fd);
    const to = join(tier.dir, 'restored');
    expect(spawnSync('python3', [script, tier.path(name), to], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    expect(readFileSync(to).equals(twin)).toBe(true);
  }
});

/** Every number of fp16, and those of fp32 beside the middles between them. */
function edges(type: NumberType): Uint8Array {
  const halves = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  const wide = converted(halves, 'F16', 'F32');
  const around = Uint32Array.from({ length: 4 * wide.length }, (_, k) => (wide[k >> 2] ?? 0) + (((k & 3) - 1) << 12));
  const bytes = new Uint8Array(converted(around, 'F32', type).buffer);
  return makeSafetensors([{ name: 'edges', dtype: type, bytes }]);
}

test('numbers are rounded as torch rounds them', () => {
  const values = [0, -0, 1, -1, 65504, 65519.99, 65520, -1e9, Infinity, 2 ** -24, 2 ** -25, 2 ** -25 * 1.001, 6.1e-5, 1 / 3];
  const bits = new Uint32Array(Float32Array.from(values).buffer);
  const hex = (numbers: Uint16Array | Uint32Array) => [...numbers].map((number) => number.toString(16));
  expect(hex(converted(bits, 'F32', 'F16'))).toEqual(
    // torch.tensor(values).half().view(torch.int16)
    ['0', '8000', '3c00', 'bc00', '7bff', '7bff', '7c00', 'fc00', '7c00', '1', '0', '1', '3ff', '3555'],
  );
  expect(hex(converted(bits, 'F32', 'BF16')).slice(4, 9)).toEqual(['4780', '4780', '4780', 'ce6e', '7f80']);
  const none = Uint32Array.of(0x7fc00000, 0xffffffff, 0x7f800001);
  expect(hex(converted(none, 'F32', 'F16'))).toEqual(['7e00', 'fe00', '7e00']);
  expect(hex(converted(none, 'F32', 'BF16'))).toEqual(['7fc0', 'ffff', '7fc0']);
});

test('every number of 16 bits that is one comes back from fp32', () => {
  const all = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
  for (const type of ['F16', 'BF16'] as const) {
    const wide = converted(all, type, 'F32');
    const isNumber = (k: number) => ((wide[k] ?? 0) & 0x7fffffff) <= 0x7f800000;
    const back = converted(wide, 'F32', type);
    expect(all.filter((bits, k) => isNumber(k) && back[k] !== bits)).toHaveLength(0);
  }
});

test('random numbers are rounded as another program rounds them', () => {
  const { bytes } = makeTensor('F32', 200_000, 5);
  const floats = new Float32Array(new Uint8Array(bytes).buffer).map((value, k) => value * 2 ** ((k % 30) - 20));
  const bits = numbersIn('F32', new Uint8Array(floats.buffer));
  for (const type of ['F16', 'BF16'] as const) {
    const expected = Buffer.from(encoders[type](floats.slice()));
    expect(Buffer.from(new Uint8Array(converted(bits, 'F32', type).buffer)).equals(expected)).toBe(true);
  }
});
