import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { CopyHashes } from '../../src/transfer/copy-hashes.ts';

const MiB = 2 ** 20;

/** A copy from a source of so many MiB/s, whose blocks are hashed and written in this share of the time. */
async function sha256From(mebibytesPerSecond: number, workedShare: number, mebibytes = 64): Promise<string | null> {
  const hashes = await CopyHashes.create(true);
  const ms = 1000 / mebibytesPerSecond;
  for (let block = 0; block < mebibytes; block += 1) {
    hashes.update(new Uint8Array(MiB));
    hashes.judge({ bytes: MiB, waitedMs: (1 - workedShare) * ms, workedMs: workedShare * ms });
  }
  return hashes.digest().sha256;
}

test.each([
  ['a hard disk', 150, 0.3],
  ['a fast hard disk and a slow processor', 280, 0.8],
])('SHA-256 is made of what comes from %s', async (_source, speed, worked) => {
  expect(await sha256From(speed, worked)).toBe(
    createHash('sha256')
      .update(new Uint8Array(64 * MiB))
      .digest('hex'),
  );
});

test.each([
  ['leaves no time for it', 150, 0.9],
  ['is so fast that it would take a good part of a core', 400, 0.3],
])('SHA-256 is given up when the source %s', async (_why, speed, worked) => {
  expect(await sha256From(speed, worked)).toBeNull();
});

test.each([
  [450, true],
  [320, false],
])('from a source of %i MiB/s SHA-256 is given up within 16 MiB: %s', async (speed, givenUp) => {
  expect((await sha256From(speed, 0.3, 16)) === null).toBe(givenUp);
});
