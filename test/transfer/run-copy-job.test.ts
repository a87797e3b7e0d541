import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ChunkHash, chunkSize } from '../../src/codec/chunk-hash.ts';
import type { SourceDriver } from '../../src/sources/driver.ts';
import { parseManifest } from '../../src/tiers/manifest.ts';
import { driverOf, runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { fingerprintOf, flipBit, writeModel } from '../helpers/files.ts';
import { quiet } from '../helpers/hooks.ts';
import { copyOrder, oneModel } from '../helpers/orders.ts';

function arrange(size: number) {
  const { dir, root, rel, path, bytes, tier, place } = oneModel(size);
  const order = copyOrder({
    id: 1,
    source: { path, root, rel, category: 'checkpoints', fingerprint: fingerprintOf(path) },
    temp: join(tier.partialDir, '1.part'),
    ...place,
  });
  return { dir, bytes, tier, order, place };
}

describe('a copy', () => {
  test('has the bytes, the name and the mtime of its source, and a proof that fits', async () => {
    const { order, bytes, tier, place } = arrange(chunkSize + 12_345);
    const report = await runCopyJob(order, quiet());
    expect(readFileSync(place.path).equals(bytes)).toBe(true);
    expect(place.path.endsWith(order.source.rel)).toBe(true);
    expect(statSync(place.path, { bigint: true }).mtimeNs).toBe(statSync(order.source.path, { bigint: true }).mtimeNs);
    expect(tier.check(place.path, report.seal)).toBe('ok');
    const proof = parseManifest(readFileSync(place.manifestPath, 'utf8'));
    expect(proof).toMatchObject({ hash: report.hash, seal: report.seal, source: { path: order.source.path } });
    expect(proof?.chunks).toHaveLength(2 * 32);
    expect(readdirSync(tier.partialDir)).toEqual([]);
  });

  test('keeps an mtime to the nanosecond', async () => {
    const { order, place } = arrange(100);
    // The file system sets nanoseconds at a write that no utimes call can express.
    appendFileSync(order.source.path, 'x');
    order.source.fingerprint = fingerprintOf(order.source.path);
    await runCopyJob(order, quiet());
    expect(String(statSync(place.path, { bigint: true }).mtimeNs)).toBe(order.source.fingerprint.mtimeNs);
  });

  test('of an empty file is an empty file', async () => {
    const { order, place } = arrange(0);
    await runCopyJob(order, quiet());
    expect(statSync(place.path).size).toBe(0);
  });

  test('tells how far it is, up to the last byte', async () => {
    const { order } = arrange(2 * chunkSize + 1);
    const steps: number[] = [];
    await runCopyJob(order, { ...quiet(), progress: (bytes) => steps.push(bytes) });
    expect(steps).toEqual([chunkSize, 2 * chunkSize, 2 * chunkSize + 1]);
  });
});

describe('a copy whose bytes turn on the way to the disk', () => {
  /** IoScheduler a bit of what was written, as soon as all of it is. */
  const turning = ({ order }: ReturnType<typeof arrange>) => {
    const state = { turned: 0 };
    const { size } = order.source.fingerprint;
    const progress = (bytes: number) => {
      if (bytes !== size) return;
      flipBit(order.temp, size - 5000);
      state.turned += 1;
    };
    return { state, hooks: { ...quiet(), progress } };
  };

  test.each([chunkSize + 12_345, 3 * chunkSize + 1])(
    'is not published when it is to be read back, with %i bytes',
    async (size) => {
      const arranged = arrange(size);
      const { state, hooks } = turning(arranged);
      await expect(runCopyJob({ ...arranged.order, reread: true }, hooks)).rejects.toMatchObject({ code: 'CACHE_IO' });
      expect(state.turned).toBe(1);
      expect(existsSync(arranged.place.path)).toBe(false);
      expect(readdirSync(arranged.tier.partialDir)).toEqual([]);
      await runCopyJob({ ...arranged.order, reread: true }, quiet());
      expect(readFileSync(arranged.place.path).equals(arranged.bytes)).toBe(true);
    },
  );

  test('is published otherwise, and differs from its proof', async () => {
    const arranged = arrange(chunkSize);
    const { state, hooks } = turning(arranged);
    const { hash } = await runCopyJob(arranged.order, hooks);
    expect(state.turned).toBe(1);
    const hashes = await ChunkHash.create();
    hashes.update(readFileSync(arranged.place.path));
    expect(hashes.digest()).not.toBe(hash);
  });
});

describe('nothing is published and no temp file stays', () => {
  const expectNothing = ({ tier, place }: ReturnType<typeof arrange>) => {
    expect(existsSync(place.path)).toBe(false);
    expect(existsSync(place.manifestPath)).toBe(false);
    expect(readdirSync(tier.partialDir)).toEqual([]);
  };

  test('when the source was replaced since it was asked for', async () => {
    const arranged = arrange(1000);
    appendFileSync(arranged.order.source.path, 'more');
    await expect(runCopyJob(arranged.order, quiet())).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expectNothing(arranged);
  });

  test('while a download manager has notes beside the source', async () => {
    const arranged = arrange(1000);
    writeFileSync(`${arranged.order.source.path}.aria2`, 'pieces');
    await expect(runCopyJob(arranged.order, quiet())).rejects.toMatchObject({ code: 'IN_USE' });
    expectNothing(arranged);
  });

  test.each([
    ['grows', (path: string) => appendFileSync(path, 'more')],
    ['is touched', (path: string) => utimesSync(path, 1, 1)],
    [
      'is replaced by another file of the same size and mtime',
      (path: string) => {
        writeModel(`${path}.new`, statSync(path).size);
        renameSync(`${path}.new`, path);
      },
    ],
    ['is rewritten in place, with its size and mtime put back', (path: string) => flipBit(path, 5)],
  ])('when the source %s while it is copied', async (_how, change) => {
    const arranged = arrange(3 * chunkSize);
    let fired = 0;
    const progress = () => {
      fired += 1;
      if (fired === 1) change(arranged.order.source.path);
    };
    await expect(runCopyJob(arranged.order, { ...quiet(), progress })).rejects.toMatchObject({ code: 'SOURCE_CHANGED' });
    expect(fired).toBeGreaterThan(0);
    expectNothing(arranged);
  });

  test('when it is cancelled half-way, but what it has is kept for the next time', async () => {
    const arranged = arrange(3 * chunkSize);
    const abort = new AbortController();
    await expect(
      runCopyJob(arranged.order, { ...quiet(), progress: () => abort.abort(), signal: abort.signal }),
    ).rejects.toMatchObject({
      code: 'CANCELLED',
    });
    expect([arranged.place.path, arranged.place.manifestPath].map((path) => existsSync(path))).toEqual([false, false]);
  });

  test('when the cache disk leaves while the source is opened: nothing is made below its mount point', async () => {
    const { tier, order, place } = arrange(1000);
    const away = `${tier.dir}.away`;
    const leaving = (driver: SourceDriver): SourceDriver => {
      const open: SourceDriver['open'] = (...args) => {
        renameSync(tier.dir, away);
        mkdirSync(tier.dir);
        return driver.open(...args);
      };
      return Object.setPrototypeOf({ open }, driver);
    };
    const copying = runCopyJob({ ...order, claimed: tier.dir }, quiet(), async (of) => leaving(await driverOf(of)));
    await expect(copying).rejects.toMatchObject({ code: 'CACHE_AWAY' });
    expect(readdirSync(tier.dir)).toEqual([]);
    rmdirSync(tier.dir);
    renameSync(away, tier.dir);
    await runCopyJob({ ...order, claimed: tier.dir }, quiet());
    expect(existsSync(place.path)).toBe(true);
  });

  test('when the source is gone', async () => {
    const arranged = arrange(10);
    renameSync(arranged.order.source.path, `${arranged.order.source.path}.away`);
    await expect(runCopyJob(arranged.order, quiet())).rejects.toMatchObject({ code: 'SOURCE_MISSING' });
    expectNothing(arranged);
  });
});
