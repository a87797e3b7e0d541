import { closeSync, ftruncateSync, openSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { OpenSource } from '../../src/sources/driver.ts';
import { posixDriver } from '../../src/sources/drivers/posix/posix-driver.ts';
import { type BlockReader, localReader } from '../../src/transfer/block-readers.ts';
import { sourceReader } from '../../src/transfer/source-reader.ts';
import { fingerprintOf, writeModel } from '../helpers/files.ts';
import { coldModel, fromDisks, isInMemory } from '../helpers/page-cache.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const MiB = 2 ** 20;
const size = 24 * MiB + 4711;

type Open = (range: { file: OpenSource; from: number; end: number }) => BlockReader;

async function readAll(path: string, { from = 0, open = localReader }: { from?: number; open?: Open } = {}): Promise<Buffer> {
  const file = { path, root: dirname(path), rel: basename(path), category: null, fingerprint: fingerprintOf(path) };
  const source = await posixDriver({ root: dirname(path), network: false }).open(file);
  const reader = open({ file: source, from, end: size });
  const parts: Buffer[] = [];
  try {
    for (let done = from; done < size; done += parts.at(-1)?.length ?? 0)
      parts.push(Buffer.from(await reader.next(size, Promise.resolve())));
  } finally {
    await reader.close();
    await source.close();
  }
  return Buffer.concat(parts);
}

describe('a large source on a local disk', () => {
  test.for([false, true])('is read past the page cache (a hard disk: %s)', async (slow, context) => {
    const { path, bytes } = coldModel(context, size);
    const open: Open = (range) => sourceReader(range, { shared: false, slow });
    expect((await readAll(path, { open })).equals(bytes)).toBe(true);
    expect([8, 16, 23].map((at) => isInMemory(path, at * MiB))).toEqual([false, false, false]);
  });

  test('comes from the page cache when it is there', async (context) => {
    const { path, bytes } = coldModel(context, size);
    readFileSync(path);
    const before = fromDisks();
    expect((await readAll(path)).equals(bytes)).toBe(true);
    expect(fromDisks() - before).toBeLessThan(MiB);
  });

  test('goes through the page cache while the program that asked for it reads it too', { tags: 'slow' }, async (context) => {
    const { path, bytes } = coldModel(context, size);
    expect((await readAll(path, { open: (range) => sourceReader(range, { shared: true, slow: false }) })).equals(bytes)).toBe(
      true,
    );
    expect([8, 16, 23].map((at) => isInMemory(path, at * MiB))).toEqual([true, true, true]);
  });

  test('is read from the middle on', async () => {
    const path = join(tempDir(), 'model.bin');
    const bytes = writeModel(path, size);
    expect((await readAll(path, { from: 8 * MiB })).equals(bytes.subarray(8 * MiB))).toBe(true);
  });

  test('that became shorter is told, and the reader can still be closed', async () => {
    const path = join(tempDir(), 'model.bin');
    writeModel(path, size);
    const writer = openSync(path, 'r+');
    ftruncateSync(writer, 20 * MiB + 1000);
    closeSync(writer);
    await expect(readAll(path)).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
  });
});
