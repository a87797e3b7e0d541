import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { ChunkHash } from '../../src/codec/chunk-hash.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { readTail } from '../../src/codec/footer.ts';
import type { CopyHooks } from '../../src/transfer/each-block.ts';
import { restoreParts } from '../../src/transfer/restore-parts.ts';
import { type TestFile, testFile } from '../codec/files.ts';
import { writeWeights } from '../helpers/files.ts';
import { onDisk, roomyMemory, tempDir } from '../helpers/temp-dir.ts';

const MiB = 2 ** 20;
/** Two rows of parts, whose last one is short. */
const size = 40 * MiB + 4714;

async function compressed(): Promise<{ original: Buffer; file: TestFile }> {
  const original = writeWeights(join(tempDir(), 'model.safetensors'), size);
  const file = testFile();
  await encodeFile(testFile(original).fd, file.fd);
  return { original, file };
}

/** Restores it and tells what the hooks were told. */
async function restore({ fd, path }: TestFile, to: number, own: Partial<CopyHooks> = {}) {
  const told = { done: 0, asked: 0 };
  const hooks: CopyHooks = {
    progress(bytes) {
      told.done = Math.max(told.done, bytes);
    },
    resuming: () => {},
    paced: () => false,
    async ask(bytes) {
      told.asked += bytes;
    },
    urgent: () => false,
    signal: new AbortController().signal,
    ...own,
  };
  return { chunks: await restoreParts({ from: { fd, path }, to, size }, hooks), told };
}

async function hashesOf(original: Buffer): Promise<string[]> {
  const hash = await ChunkHash.create();
  hash.update(original);
  hash.digest();
  return hash.chunks;
}

test.each([
  ['to a disk', onDisk(), false],
  ['to a disk, while a program waits', onDisk(), true],
  ['to memory', roomyMemory() ?? tmpdir(), false],
])('a large copy is restored in parts %s: equal bytes, and the hashes of its chunks', async (_to, parent, urgent) => {
  const { original, file } = await compressed();
  const path = join(tempDir(parent), 'restored');
  const target = openSync(path, 'w');
  onTestFinished(() => closeSync(target));
  const { chunks, told } = await restore(file, target, { urgent: () => urgent });
  expect(readFileSync(path).equals(original)).toBe(true);
  expect(chunks).toEqual(await hashesOf(original));
  expect(told).toEqual({ done: size, asked: 0 });
});

test('a paced restore asks for each byte before it moves', { tags: 'slow' }, async () => {
  const { file } = await compressed();
  const { told } = await restore(file, testFile().fd, { paced: () => true });
  expect(told).toEqual({ done: size, asked: size });
});

test('a chunk that is damaged ends the restore as damage', { tags: 'slow' }, async () => {
  const { file } = await compressed();
  const { frames } = readTail(file.fd);
  const bytes = file.bytes();
  const { position, size: length } = frames[Math.floor(frames.length / 2)] ?? { position: 0, size: 0 };
  bytes.fill(0xff, position + 20, position + length - 20);
  file.put(bytes);
  await expect(restore(file, testFile().fd)).rejects.toMatchObject({ code: 'CORRUPT' });
});

test('a bit that is flipped in stored bytes shows in the hash of its part', { tags: 'slow' }, async () => {
  const { original, file } = await compressed();
  const { frames } = readTail(file.fd);
  const bytes = file.bytes();
  // The lower bytes of numbers are stored as they are, so nothing fails to decode.
  const frame = frames.findLast(({ size: length, contentSize }) => length > contentSize) ?? { position: 0, size: 0 };
  const at = frame.position + Math.floor(frame.size / 2);
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  file.put(bytes);
  const { chunks } = await restore(file, testFile().fd);
  const sound = await hashesOf(original);
  expect(chunks.filter((digest, part) => digest !== sound[part])).toHaveLength(1);
});

test.skipIf(!existsSync('/dev/full'))('a full disk ends the restore as such, not as damage', { tags: 'slow' }, async () => {
  const { file } = await compressed();
  const full = openSync('/dev/full', 'w');
  try {
    await expect(restore(file, full)).rejects.toMatchObject({ code: 'NO_SPACE' });
  } finally {
    closeSync(full);
  }
});

test('a disk that takes no bytes ends the restore as a fault of the cache', { tags: 'slow' }, async () => {
  const { file } = await compressed();
  const directory = openSync(tempDir(onDisk()), 'r');
  onTestFinished(() => closeSync(directory));
  await expect(restore(file, directory)).rejects.toMatchObject({ code: 'CACHE_IO' });
});

test('a restore that is cancelled in the middle ends', { tags: 'slow' }, async () => {
  const { file } = await compressed();
  const cancel = new AbortController();
  const ended = restore(file, testFile().fd, { progress: () => cancel.abort(), signal: cancel.signal });
  await expect(ended).rejects.toMatchObject({ code: 'CANCELLED' });
});
