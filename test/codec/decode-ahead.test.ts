import { join } from 'node:path';
import { expect, test } from 'vitest';
import { DecodeAhead } from '../../src/codec/decode-ahead.ts';
import { encodeFile } from '../../src/codec/encode.ts';
import { readTail } from '../../src/codec/footer.ts';
import { writeWeights } from '../helpers/files.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { type TestFile, testFile } from './files.ts';

const MiB = 2 ** 20;
/** More than the ring holds. */
const size = 40 * MiB + 4714;

async function compressed(): Promise<{ original: Buffer; file: TestFile }> {
  const path = join(tempDir(), 'model.safetensors');
  const original = writeWeights(path, size);
  const file = testFile();
  await encodeFile(testFile(original).fd, file.fd);
  return { original, file };
}

/** Reads all of it; each piece is given back when the next but one is asked for, as by a writer that is one piece behind. */
async function readAll({ fd, path }: TestFile, onPiece: (piece: Uint8Array) => void = () => {}): Promise<Buffer> {
  const { metadata } = readTail(fd);
  const ahead = new DecodeAhead(fd, path, metadata);
  const parts: Buffer[] = [];
  try {
    let written = Promise.resolve();
    for (let done = 0; done < metadata.size; done += parts.at(-1)?.length ?? 0) {
      const piece = await ahead.next(written);
      onPiece(piece);
      parts.push(Buffer.from(piece));
      written = new Promise((resolve) => setImmediate(resolve));
    }
  } finally {
    await ahead.close();
  }
  return Buffer.concat(parts);
}

test('threads that decode ahead give the original bytes in order, in pieces that begin at pages', async () => {
  const { original, file } = await compressed();
  let at = 0;
  const restored = await readAll(file, (piece) => {
    expect(at % 4096).toBe(0);
    at += piece.length;
  });
  expect(restored.equals(original)).toBe(true);
});

test('a chunk that is damaged ends the restore as damage, and the threads end', async () => {
  const { file } = await compressed();
  const { frames } = readTail(file.fd);
  const bytes = file.bytes();
  const { position, size: length } = frames[Math.floor(frames.length / 2)] ?? { position: 0, size: 0 };
  bytes.fill(0xff, position + 20, position + length - 20);
  file.put(bytes);
  await expect(readAll(file)).rejects.toMatchObject({ code: 'CORRUPT' });
});

test('a reader that stops in the middle can close at once', async () => {
  const { file } = await compressed();
  const ahead = new DecodeAhead(file.fd, file.path, readTail(file.fd).metadata);
  const piece = await ahead.next(Promise.resolve());
  await ahead.close();
  expect(piece.length).toBeGreaterThan(0);
});
