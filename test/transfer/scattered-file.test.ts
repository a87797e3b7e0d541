import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ChunkHash, chunkSize } from '../../src/codec/chunk-hash.ts';
import type { SourceFile } from '../../src/core/types.ts';
import { posixDriver } from '../../src/sources/drivers/posix/posix-driver.ts';
import { partialPath, readJournal } from '../../src/tiers/partial.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { ScatteredFile } from '../../src/transfer/scattered-file.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder, oneModel } from '../helpers/orders.ts';

const size = 9 * chunkSize + 12_345;
const last = 9;

function arrange() {
  const { root, rel, path, bytes, tier, place } = oneModel(size);
  const source: SourceFile = { path, root, rel, category: null, fingerprint: fingerprintOf(path) };
  const temp = partialPath(tier.partialDir, path);
  const part = (chunk: number) => bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize);
  const order = copyOrder({ id: 1, source, temp, ...place });
  return { root, path, bytes, temp, source, part, place, order };
}

type Arranged = ReturnType<typeof arrange>;

async function reopen({ root, temp, source }: Arranged, taken: number[] = []): Promise<ScatteredFile> {
  const open = await posixDriver({ root, network: true }).open(source);
  try {
    return await ScatteredFile.open(temp, source, { open, onChunk: (chunk) => taken.push(chunk) });
  } finally {
    await open.close();
  }
}

/** Writes chunks in this order, and is then ended in order, or killed. */
async function write(arranged: Arranged, chunks: readonly number[], end: 'in order' | 'killed' = 'in order'): Promise<void> {
  const file = await reopen(arranged);
  for (const chunk of chunks) await file.write(chunk, arranged.part(chunk), true);
  if (end === 'in order') await file.interrupted();
  await file.close();
}

test('a copy whose chunks came in any order has the bytes and the hash of one that came from first to last', async () => {
  const arranged = arrange();
  const file = await reopen(arranged);
  for (const chunk of [4, 9, 0, 7, 2, 1, 8, 3, 6, 5]) await file.write(chunk, arranged.part(chunk), true);
  const fresh = await ChunkHash.create();
  fresh.update(arranged.bytes);
  expect(await file.digest()).toEqual({ hash: fresh.digest(), chunks: fresh.chunks });
  await file.close();
  expect(readFileSync(arranged.temp).equals(arranged.bytes)).toBe(true);
});

test('an interrupted copy takes up every chunk that it had, wherever it lies', async () => {
  const arranged = arrange();
  await write(arranged, [last, 3, 5]);
  const taken: number[] = [];
  const file = await reopen(arranged, taken);
  expect(taken).toEqual([3, 5, last]);
  expect(file.bytes).toBe(2 * chunkSize + 12_345);
  await file.close();
});

test('a killed copy loses at most the chunks that no journal speaks of', { tags: 'slow' }, async () => {
  const arranged = arrange();
  await write(arranged, [8, 1, 6, 2, 4], 'killed');
  const taken: number[] = [];
  await (await reopen(arranged, taken)).close();
  expect(taken).toEqual([1, 6, 8]);
});

test('a chunk that the disk has lost since is not taken up, the others are', { tags: 'slow' }, async () => {
  const arranged = arrange();
  await write(arranged, [1, 3, 5]);
  const bytes = readFileSync(arranged.temp);
  bytes.fill(0, 3 * chunkSize, 3 * chunkSize + 10);
  writeFileSync(arranged.temp, bytes);
  const taken: number[] = [];
  await (await reopen(arranged, taken)).close();
  expect(taken).toEqual([1, 5]);
});

test('nothing is taken up from a source that was rewritten under its old size and time', { tags: 'slow' }, async () => {
  const arranged = arrange();
  await write(arranged, [2, 3, 7]);
  const other = Buffer.from(arranged.bytes);
  other.writeUInt8(other.readUInt8(7 * chunkSize + 99) ^ 1, 7 * chunkSize + 99);
  writeFileSync(arranged.path, other);
  const taken: number[] = [];
  const was = { ...arranged, source: { ...arranged.source, fingerprint: fingerprintOf(arranged.path) } };
  // The journal speaks of it as of the same file.
  const journal = readJournal(arranged.temp);
  writeFileSync(
    `${arranged.temp}.journal`,
    JSON.stringify({
      version: 1,
      source: was.source,
      bytes: journal?.bytes,
      chunks: journal?.chunks.map((digest) => digest ?? '-'.repeat(32)).join(''),
    }),
  );
  const file = await reopen(was, taken);
  expect(taken).toEqual([]);
  expect(file.bytes).toBe(0);
  await file.close();
});

test('a plain copy goes on with the chunks before the first gap', { tags: 'slow' }, async () => {
  const arranged = arrange();
  await write(arranged, [0, 1, 5, 2]);
  const from: number[] = [];
  const report = await runCopyJob(arranged.order, { ...quiet(), resuming: (at) => from.push(at) });
  expect(from).toEqual([3 * chunkSize]);
  expect(report.resumedFrom).toBe(3 * chunkSize);
  expect(readFileSync(arranged.place.path).equals(arranged.bytes)).toBe(true);
});

test('a plain copy that was interrupted is gone on with in any order', async () => {
  const arranged = arrange();
  const abort = new AbortController();
  const progress = (bytes: number) => bytes >= 4 * chunkSize && abort.abort();
  await expect(runCopyJob(arranged.order, { ...quiet(), progress, signal: abort.signal })).rejects.toMatchObject({
    code: 'CANCELLED',
  });
  const taken: number[] = [];
  await (await reopen(arranged, taken)).close();
  expect(taken).toEqual([0, 1, 2, 3]);
});
