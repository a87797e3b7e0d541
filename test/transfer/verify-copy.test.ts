import {
  appendFileSync,
  chmodSync,
  closeSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import type { Copy } from '../../src/core/types.ts';
import { verifyCopy } from '../../src/transfer/verify-copy.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

async function copied(rig: Rig, name = 'a.safetensors', size = 2 * chunkSize + 12_345): Promise<Copy> {
  const job = await rig.copy(rig.source(`loras/${name}`, size).path);
  expect(job.state).toBe('done');
  const copy = rig.catalog.copies.inState('ready').at(-1);
  if (!copy) throw new Error('nothing was copied');
  chmodSync(copy.path, 0o600);
  return copy;
}

function verify(rig: Rig, copy: Copy) {
  const { seal, hash, path, id } = copy;
  if (!seal || !hash) throw new Error('not sealed');
  const order = { id, path, manifestPath: rig.tier.manifestPathOf(path), seal, hash };
  return verifyCopy({ ...order, form: 'plain', identity: false, rate: null }, () => {});
}

/** Changes bytes behind everybody's back: size, mtime and inode stay. */
function rot(copy: Copy, position: number, change: (bytes: Buffer) => void, length = 1): void {
  const fd = openSync(copy.path, 'r+');
  const bytes = Buffer.alloc(length);
  readSync(fd, bytes, 0, length, position);
  change(bytes);
  writeSync(fd, bytes, 0, length, position);
  closeSync(fd);
  const seconds = Number(BigInt(copy.seal?.mtimeNs ?? 0) / 1000n) / 1e6;
  utimesSync(copy.path, seconds, seconds);
}

describe('a copy that is read again', () => {
  test('and is what was copied, is left as it is', async () => {
    const rig = createRig({ workers: 'inline' });
    expect(await verify(rig, await copied(rig))).toMatchObject({ same: true });
  });

  test('with one flipped bit anywhere is found, and the chunk is named', async () => {
    const rig = createRig({ workers: 'inline' });
    const copy = await copied(rig);
    const flip = (position: number, bit: number) =>
      rot(copy, position, (bytes) => {
        bytes[0] = (bytes[0] ?? 0) ^ (1 << bit);
      });
    const places = fc.tuple(fc.integer({ min: 0, max: copy.bytes - 1 }), fc.integer({ min: 0, max: 7 }));
    await fc.assert(
      fc.asyncProperty(places, async ([position, bit]) => {
        flip(position, bit);
        const verdict = await verify(rig, copy);
        flip(position, bit);
        expect(verdict).toMatchObject({ same: false, chunks: [Math.floor(position / chunkSize)] });
      }),
      { numRuns: 10, examples: [[[0, 0]], [[copy.bytes - 1, 7]], [[chunkSize - 1, 3]], [[chunkSize, 3]]] },
    );
    expect(await verify(rig, copy)).toMatchObject({ same: true });
  });

  test('with a zeroed page (a torn write) is found', { tags: 'slow' }, async () => {
    const rig = createRig({ workers: 'inline' });
    const copy = await copied(rig);
    rot(copy, chunkSize + 4096, (bytes) => bytes.fill(0), 4096);
    expect(await verify(rig, copy)).toMatchObject({ same: false, chunks: [1] });
  });

  test.each<[string, (copy: Copy) => void, RegExp]>([
    ['cut off', (copy) => truncateSync(copy.path, 1000), /1000 bytes instead of/],
    ['longer', (copy) => appendFileSync(copy.path, 'x'), /bytes instead of/],
    ['gone', (copy) => rmSync(copy.path), /gone/],
    ['written to', (copy) => utimesSync(copy.path, 1, 1), /another program/],
  ])('that is %s is found', async (_what, harm, why) => {
    const rig = createRig({ workers: 'inline' });
    const copy = await copied(rig, 'a.safetensors', 50_000);
    harm(copy);
    const verdict = await verify(rig, copy);
    expect(verdict).toMatchObject({ same: false, chunks: [] });
    expect('why' in verdict && verdict.why).toMatch(why);
  });

  test('that changed places with another is found', async () => {
    const rig = createRig({ workers: 'inline' });
    const [a, b] = [await copied(rig, 'a.safetensors', 50_000), await copied(rig, 'b.safetensors', 50_000)];
    renameSync(a.path, `${a.path}.x`);
    renameSync(b.path, a.path);
    renameSync(`${a.path}.x`, b.path);
    expect(await verify(rig, a)).toMatchObject({ same: false });
    expect(await verify(rig, b)).toMatchObject({ same: false });
  });

  test('whose proof is damaged, or is that of another copy, cannot be proven', async () => {
    const rig = createRig({ workers: 'inline' });
    const [a, b] = [await copied(rig, 'a.safetensors', 50_000), await copied(rig, 'b.safetensors', 60_000)];
    renameSync(rig.tier.manifestPathOf(b.path), rig.tier.manifestPathOf(a.path));
    expect(await verify(rig, a)).toMatchObject({ same: false, why: 'its proof is of another copy' });
    writeFileSync(rig.tier.manifestPathOf(a.path), '{');
    expect(await verify(rig, a)).toMatchObject({ same: false, why: 'its proof is gone or damaged' });
  });
});
