import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { CompressedFile } from '../../src/codec/compressed-file.ts';
import { decodeFile } from '../../src/codec/decode.ts';
import { CacheError } from '../../src/core/errors.ts';
import { testFile } from './files.ts';
import { assemble, decode, original, type Parts, soundBytes, takeApart } from './sound-file.ts';

const target = testFile();
const { constants } = zlib;
const frameOf = (content: Uint8Array) => zlib.zstdCompressSync(content, { params: { [constants.ZSTD_c_checksumFlag]: 1 } });

/** Puts other bytes in the place of one frame. */
const withFrame = (index: number, bytes: Uint8Array, contentSize?: number) => (file: Parts) => {
  const frame = file.frames[index];
  if (frame) Object.assign(frame, { bytes, contentSize: contentSize ?? frame.contentSize });
};
const withMetadata = (changes: object) => (file: Parts) => void Object.assign(file.metadata, changes);
const withChunk = (index: number, changes: object) => (file: Parts) =>
  void Object.assign(file.metadata.chunks[index] ?? {}, changes);

/** A frame for `size` bytes of content whose blocks make much more. */
function bomb(size: number): Uint8Array {
  const blocks = Array.from({ length: 50_000 }, (_, k) => [k === 49_999 ? 3 : 2, 0, 0x10, 0]).flat();
  return Uint8Array.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, size & 0xff, (size >> 8) & 0xff, size >> 16, 0, ...blocks]);
}

function swapFrames(file: Parts, a: number, b: number): void {
  const [x, y] = [file.frames[a], file.frames[b]];
  if (x && y) [file.frames[a], file.frames[b]] = [y, x];
}

const attacks: [string, (file: Parts) => void, RegExp][] = [
  [
    'a frame that decodes to more than it declares',
    (file) => withFrame(5, bomb(12_000))(file),
    /more blocks|larger than its content/,
  ],
  [
    'a frame that declares a terabyte',
    (file) => withFrame(0, Buffer.from('28b52ffde00000000000010000010000', 'hex'))(file),
    /blocks that do not make/,
  ],
  ['a frame of a megabyte for a few bytes', withFrame(0, Buffer.alloc(2 ** 20)), /larger than its content/],
  ['a frame that needs a dictionary', withFrame(0, Buffer.from('28b52ffd2107010900000041', 'hex')), /dictionary/],
  ['a skippable frame among the data', withFrame(0, Buffer.from('502a4d18010000000007', 'hex')), /does not begin/],
  [
    'two frames in the place of one',
    (file) => withFrame(0, Buffer.concat([frameOf(Buffer.alloc(9)), frameOf(Buffer.alloc(9))]))(file),
    /add up/,
  ],
  ['a frame for another length', withFrame(5, frameOf(Buffer.alloc(11_999))), /not as long as the metadata says/],
  [
    'a seek table that says four gigabytes',
    withFrame(5, frameOf(Buffer.alloc(12_000)), 0xffffffff),
    /chunks and its frames differ/,
  ],
  ['other bytes in a sound frame', withFrame(5, frameOf(Buffer.alloc(12_000, 'x'))), /CRC-32/],
  ['swapped planes of two chunks', (file) => swapFrames(file, 5, 9), /CRC-32/],
  ['a listed element behind the end of its chunk', (file) => listWrongElement(file), /behind its end/],
  [
    'a frame too many',
    (file) => void file.frames.push({ bytes: frameOf(Buffer.alloc(9)), contentSize: 9 }),
    /belong to no chunk/,
  ],
  ['a frame too few', (file) => void file.frames.pop(), /chunks and its frames differ/],
  ['no frames at all', (file) => void file.frames.splice(0), /chunks and its frames differ/],
  ['a chunk that is missing', (file) => void file.metadata.chunks.pop(), /belong to no chunk/],
  ['a chunk of 2 GiB', withChunk(0, { size: 2 ** 31 }), /chunk 0.size/],
  ['a chunk of no bytes', withChunk(0, { size: 0 }), /chunk 0.size/],
  ['a chunk of half a byte', withChunk(0, { size: 0.5 }), /chunk 0.size/],
  ['a chunk that cuts an element', withChunk(2, { size: 24_001 }), /whole number of elements/],
  ['a chunk stored in an unknown way', withChunk(2, { as: 'planes3' }), /chunk 2.as/],
  ['pairs where there is no exponent', withChunk(3, { pairs: { base: 1, escapes: 0 } }), /cannot have pairs/],
  ['pairs of an odd number of elements', withChunk(2, { size: 23_998 }), /cannot have pairs/],
  ['a base that is no byte', withChunk(2, { pairs: { base: 256, escapes: 0 } }), /pairs.base/],
  ['more listed elements than may be', withChunk(2, { pairs: { base: 110, escapes: 24 } }), /too many elements/],
  ['another way to put the bytes together', withChunk(5, { as: 'planes2' }), /CRC-32/],
  ['a size that the chunks do not have', withMetadata({ size: 7 }), /add up to the size/],
  ['a SHA-256 of something else', withMetadata({ sha256: 'a'.repeat(64) }), /SHA-256/],
  ['a SHA-256 that is none', withMetadata({ sha256: '../../etc' }), /sha256/],
  ['chunks that are no list', withMetadata({ chunks: { length: 1e9 } }), /chunks/],
  ['a million wrong chunks', withMetadata({ chunks: Array.from({ length: 1_000_000 }, () => 0) }), /chunk 0/],
  ['another format', withMetadata({ format: 'zip' }), /not written by autocached/],
];

test.each(attacks)('%s is one clear error', async (_, damage, message) => {
  const file = takeApart();
  damage(file);
  target.put(assemble(file));
  await expect(decode(target)).rejects.toThrow(CacheError);
  await expect(decode(target)).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringMatching(message) });
});

/** In a chunk that is otherwise sound. */
function listWrongElement(file: Parts): void {
  const content = Buffer.alloc(6005);
  content.writeUInt32LE(12_000, 6000);
  withFrame(6, frameOf(content), 6005)(file);
  withChunk(2, { pairs: { base: 110, escapes: 1 } })(file);
}

test('chunks that are exchanged together with their checksums are found by the SHA-256', async () => {
  const file = takeApart();
  const [first, second] = [file.metadata.chunks[2], file.metadata.chunks[4]];
  if (!first || !second) throw new Error('the file has another form');
  Object.assign(file.metadata.chunks, { 2: second, 4: first });
  swapFrames(file, 5, 9);
  swapFrames(file, 6, 10);
  target.put(assemble(file));
  await expect(decodeFile(target.fd, null, { check: 'chunks' })).resolves.toBeDefined();
  await expect(decodeFile(target.fd, null)).rejects.toMatchObject({
    code: 'CORRUPT',
    message: expect.stringMatching(/SHA-256/),
  });
});

test('a word that changes in what the writer noted is found by the checksum of the metadata', async () => {
  const file = takeApart();
  withMetadata({ about: { name: 'first.safetensors' } })(file);
  const bytes = assemble(file);
  target.put(Buffer.from(bytes.toString('latin1').replace('first.safetensors', 'worst.safetensors'), 'latin1'));
  await expect(decode(target)).rejects.toMatchObject({ code: 'CORRUPT', message: expect.stringMatching(/metadata.*CRC-32/) });
});

/** Reads all chunks one after the other, whatever becomes of one. */
async function outcomesOf(file: CompressedFile): Promise<string[]> {
  const outcomes: string[] = [];
  for (const index of file.metadata.chunks.keys()) {
    outcomes.push(
      await file.chunk(index).then(
        () => 'sound',
        (error: Error) => error.message,
      ),
    );
  }
  return outcomes;
}

test('a sound chunk is still right after a damaged one has been read', async () => {
  const damaged = takeApart();
  withFrame(5, frameOf(Buffer.alloc(12_000, 'x')))(damaged);
  target.put(assemble(damaged));
  const file = new CompressedFile(target.fd);
  const { chunks } = file.metadata;
  const start = original.subarray(0, chunks[0]?.size);
  expect(Buffer.compare(await file.chunk(0), start)).toBe(0);
  const outcomes = await outcomesOf(file);
  expect(outcomes.filter((outcome) => outcome !== 'sound')).toEqual([expect.stringMatching(/CRC-32/)]);
  expect(Buffer.compare(await file.chunk(0), start)).toBe(0);
});

/** Byte-wise damage of the end: what, from the end, and the message. */
const ends: [string, (bytes: Buffer) => Buffer | undefined, RegExp][] = [
  ['nothing', () => Buffer.alloc(0), /too short/],
  ['a few zeros', () => Buffer.alloc(17), /end is missing/],
  ['something appended', (bytes) => Buffer.concat([bytes, Buffer.from('x')]), /end is missing/],
  ['a seek table of 2^32 lines', (bytes) => void bytes.writeUInt32LE(0xffffffff, bytes.length - 9), /longer than the file/],
  ['a seek table with one line less', (bytes) => void bytes.writeUInt32LE(13, bytes.length - 9), /no beginning/],
  ['a seek table with checksums', (bytes) => void bytes.writeUInt8(0x80, bytes.length - 5), /another kind/],
  [
    'a frame that is longer by one',
    (bytes) => void bytes.writeUInt8(bytes.readUInt8(bytes.length - 121) + 1, bytes.length - 121),
    /add up/,
  ],
  ['a plain zstd file', () => frameOf(Buffer.alloc(1000)), /end is missing/],
  [
    'a seek table and nothing else',
    () => Buffer.from('5e2a4d180900000000000000b1ea928f00', 'hex').subarray(0, 17),
    /end is missing|metadata/,
  ],
];

test.each(ends)('%s at the end is refused', (_, damage, message) => {
  const bytes = Buffer.from(soundBytes);
  target.put(damage(bytes) ?? bytes);
  expect(() => new CompressedFile(target.fd)).toThrow(CacheError);
  expect(() => new CompressedFile(target.fd)).toThrow(message);
});

test('what a later version adds is ignored, or named when it cannot be', async () => {
  const file = takeApart();
  withMetadata({ equalTensors: [1, 2] })(file);
  withChunk(1, { hash: 'abc' })(file);
  target.put(assemble(file));
  expect((await decode(target)).equals(original)).toBe(true);
  expect(new CompressedFile(target.fd).metadata).toMatchObject({ equalTensors: [1, 2] });

  withMetadata({ requires: ['shared-chunks'] })(file);
  target.put(assemble(file));
  await expect(decode(target)).rejects.toMatchObject({
    code: 'BAD_REQUEST',
    message: expect.stringMatching(/version 1 with shared-chunks/),
  });
  withMetadata({ version: 2, requires: [] })(file);
  target.put(assemble(file));
  await expect(decode(target)).rejects.toMatchObject({ code: 'BAD_REQUEST', message: expect.stringMatching(/version 2/) });
});
