import { createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { Crc64 } from '../../src/codec/crc64.ts';
import type { Proof } from '../../src/sources/driver.ts';
import { ScatteredFile } from '../../src/transfer/scattered-file.ts';
import { CrcOfChunks, type ScatteredSums, SumsInOrder } from '../../src/transfer/scattered-sums.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const bytes = randomBytes(3.5 * chunkSize);
const orders = [
  [0, 1, 2, 3],
  [3, 2, 1, 0],
  [2, 0, 3, 1],
];

function crc(of = bytes): Proof {
  const sum = new Crc64();
  sum.update(of);
  return { kind: 'crc64nvme', value: sum.digest(), from: 'the bucket', binding: true };
}

function md5(): Proof {
  return { kind: 'md5', value: createHash('md5').update(bytes).digest('hex'), from: 'the bucket', binding: true };
}

/** A file that comes in this order, and how many chunks of it were read again for its sums. */
async function coming(order: readonly number[], sumsOf: () => Promise<ScatteredSums> | ScatteredSums) {
  const fingerprint = { size: bytes.length, mtimeNs: '1000000000', ino: null };
  const source = { path: '/models/a', root: '/models', rel: 'a', category: null, fingerprint };
  const file = await ScatteredFile.open(join(tempDir(), 'a.part'), source, { open: null, onChunk: () => {} });
  onTestFinished(() => file.close());
  let again = 0;
  const read = file.read.bind(file);
  file.read = (...args) => {
    again += 1;
    return read(...args);
  };
  const sums = await sumsOf();
  for (const chunk of order) {
    const part = bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize);
    await file.write(chunk, part, true);
    sums.took(chunk, part, file);
  }
  return { sums, again: () => again };
}

test.each(orders)('chunks in the order %i, %i, %i, %i prove the CRC of the whole, and none is read again', async (...order) => {
  const { sums, again } = await coming(order, () => new CrcOfChunks(crc()));
  expect(await sums.digest()).toBeNull();
  expect(again()).toBe(0);
});

test('a chunk that is another one is noticed, wherever it lies', async () => {
  const other = Buffer.from(bytes);
  other[chunkSize + 5] = (other[chunkSize + 5] ?? 0) ^ 1;
  const { sums } = await coming([2, 0, 3, 1], () => new CrcOfChunks(crc(other)));
  await expect(sums.digest()).rejects.toThrow('tells the crc64nvme');
});

test('without all of its chunks a file has no CRC', async () => {
  const { sums } = await coming([0, 2, 3], () => new CrcOfChunks(crc()));
  await expect(sums.digest()).rejects.toThrow('is missing');
});

test('sums that need an order read again only what came too early', async () => {
  const sumsOf = () => SumsInOrder.of({ identity: true, proof: md5(), onChunk: () => {} });
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const inOrder = await coming([0, 1, 2, 3], sumsOf);
  expect([await inOrder.sums.digest(), inOrder.again()]).toEqual([sha256, 0]);
  const scattered = await coming([2, 0, 3, 1], sumsOf);
  expect([await scattered.sums.digest(), scattered.again()]).toEqual([sha256, 2]);
});
