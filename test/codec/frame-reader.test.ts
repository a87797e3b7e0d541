import { closeSync, openSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { forget } from '../../bench/slow-mount.ts';
import { areasAhead, type FileRange, FrameReader } from '../../src/codec/frame-reader.ts';
import { pageAligned, pageBytes } from '../../src/runtime/uncached.ts';
import { writeModel } from '../helpers/files.ts';
import { coldModel, fromDisks, isInMemory } from '../helpers/page-cache.ts';
import { onDisk, tempDir } from '../helpers/temp-dir.ts';

const MiB = 2 ** 20;
const size = 24 * MiB;
/** The frames of 24 chunks, none of which begins at a page. */
const places: FileRange[] = Array.from({ length: 24 }, (_, k) => ({ position: 100 + k * 1_000_001, size: 900_001 - k }));

function readerOf(path: string): FrameReader {
  const fd = openSync(path, 'r');
  const reader = new FrameReader(
    fd,
    places,
    Array.from({ length: areasAhead }, () => pageAligned(MiB + 2 * pageBytes)),
  );
  onTestFinished(() => {
    reader[Symbol.dispose]();
    closeSync(fd);
  });
  return reader;
}

const bytesAt = (bytes: Buffer, index: number) => {
  const { position, size: length } = places[index] ?? { position: 0, size: 0 };
  return bytes.subarray(position, position + length);
};

async function expectInOrder(reader: FrameReader, bytes: Buffer, [first, end]: [number, number]): Promise<void> {
  for (let index = first; index < end; index++)
    expect(Buffer.compare(await reader.read(index, end), bytesAt(bytes, index))).toBe(0);
}

test('frames of a cold file are read past the page cache, those of the next chunks too, in any order of rows', async (context) => {
  const { path, bytes } = coldModel(context, size);
  const reader = readerOf(path);
  const before = fromDisks();
  await expectInOrder(reader, bytes, [12, 16]);
  await expectInOrder(reader, bytes, [4, 8]);
  // Whole pages of eight chunks, and those that tell whether the page cache has them.
  expect(fromDisks() - before).toBeGreaterThan(8 * 890_000);
  expect(fromDisks() - before).toBeLessThan(8 * (900_001 + 2 * pageBytes) + 4 * 128 * 1024);
  for (const index of [5, 14]) expect(isInMemory(path, (places[index]?.position ?? 0) + 500_000)).toBe(false);
});

test('frames in the page cache come from there, without a read of the disk', async (context) => {
  const { path, bytes } = coldModel(context, size);
  writeFileSync(path, bytes);
  const reader = readerOf(path);
  const before = fromDisks();
  await expectInOrder(reader, bytes, [0, 24]);
  expect(fromDisks() - before).toBe(0);
});

test('a file that becomes shorter while it is read is told as damage', async () => {
  const path = join(tempDir(onDisk()), 'model.bin');
  writeModel(path, size);
  forget(path);
  const reader = readerOf(path);
  await reader.read(0, 24);
  truncateSync(path, places[5]?.position ?? 0);
  const rest = (async () => {
    for (let index = 1; index < 24; index++) await reader.read(index, 24);
  })();
  await expect(rest).rejects.toMatchObject({ code: 'CORRUPT' });
});
