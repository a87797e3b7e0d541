import { randomBytes } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { openPosixTier } from '../../src/tiers/posix-tier.ts';
import type { CopyOrder } from '../../src/transfer/messages.ts';
import { runCopyJob } from '../../src/transfer/run-copy-job.ts';
import { quiet } from '../helpers/hooks.ts';
import { MemorySources } from '../helpers/memory-sources.ts';
import { copyOrder } from '../helpers/orders.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { fileAt } from '../sources/subject.ts';

const size = 5 * chunkSize + 12_345;

async function arrange() {
  const sources = new MemorySources();
  const tier = openPosixTier('ssd', join(tempDir(), 'cache'));
  const bytes = randomBytes(size);
  const orderFor = async (rel: string): Promise<CopyOrder> => {
    sources.put(rel, bytes);
    const source = await fileAt(sources, rel);
    const temp = join(tier.partialDir, `${rel}.part`);
    const place = tier.placeOf(sources.root, rel);
    return copyOrder({ id: 1, source, temp, ...place, network: true });
  };
  return { sources, tier, bytes, orderFor, order: await orderFor('a.safetensors') };
}

test('a source without a descriptor is copied, and published with its mtime', async () => {
  const { sources, order, bytes, tier } = await arrange();
  const report = await runCopyJob(order, quiet(), () => sources.driver);
  expect(readFileSync(order.path).equals(bytes)).toBe(true);
  expect(String(statSync(order.path, { bigint: true }).mtimeNs)).toBe(order.source.fingerprint.mtimeNs);
  expect(tier.check(order.path, report.seal)).toBe('ok');
  expect([report.resumedFrom, sources.bytesRead >= size]).toEqual([0, true]);
});

test('a copy of it that an outage ended goes on where it was', async () => {
  const { sources, order, bytes } = await arrange();
  let outage: ReturnType<MemorySources['breakDown']> | undefined;
  const progress = (done: number) => {
    if (done >= 3 * chunkSize) outage ??= sources.breakDown('away');
  };
  await expect(runCopyJob(order, { ...quiet(), progress }, () => sources.driver)).rejects.toMatchObject({
    code: 'SOURCE_AWAY',
  });
  expect([outage?.fired(), existsSync(order.path)]).toEqual([true, false]);
  outage?.heal();
  sources.bytesRead = 0;
  const from: number[] = [];
  const report = await runCopyJob(order, { ...quiet(), resuming: (at) => from.push(at) }, () => sources.driver);
  expect(report.resumedFrom).toBeGreaterThanOrEqual(3 * chunkSize);
  expect(from).toEqual([report.resumedFrom]);
  // Two chunks are compared with the source before it goes on.
  expect(sources.bytesRead).toBeLessThan(size - report.resumedFrom + 3 * chunkSize);
  expect(readFileSync(order.path).equals(bytes)).toBe(true);
});

test('what an interrupted copy left is not gone on with when the source has other bytes by now', { tags: 'slow' }, async () => {
  const { sources, order } = await arrange();
  const abort = new AbortController();
  const hooks = { ...quiet(), signal: abort.signal, progress: (done: number) => done >= 3 * chunkSize && abort.abort() };
  await expect(runCopyJob(order, hooks, () => sources.driver)).rejects.toMatchObject({ code: 'CANCELLED' });
  const other = randomBytes(size);
  sources.rewrite('a.safetensors', other);
  expect((await runCopyJob(order, quiet(), () => sources.driver)).resumedFrom).toBe(0);
  expect(readFileSync(order.path).equals(other)).toBe(true);
});

test.each([
  ['is written into', (sources: MemorySources) => sources.rewrite('a.safetensors', randomBytes(size))],
  ['becomes shorter', (sources: MemorySources) => sources.truncate('a.safetensors', chunkSize + 1)],
  ['is replaced', (sources: MemorySources) => sources.replace('a.safetensors', randomBytes(size))],
])('nothing is published of one that %s while it is copied', async (_how, change) => {
  const { sources, order, tier } = await arrange();
  let changes = 0;
  const progress = () => {
    changes += 1;
    if (changes === 1) change(sources);
  };
  await expect(runCopyJob(order, { ...quiet(), progress }, () => sources.driver)).rejects.toMatchObject({
    code: 'SOURCE_CHANGED',
  });
  expect(changes).toBeGreaterThan(0);
  expect([existsSync(order.path), existsSync(order.manifestPath), readdirSync(tier.partialDir)]).toEqual([false, false, []]);
});

test('one with the bytes of another copy becomes a link of that', async () => {
  const { sources, order, orderFor, tier } = await arrange();
  const { seal, hash } = await runCopyJob(order, quiet(), () => sources.driver);
  const twin = { ...tier.placeOf(sources.root, 'a.safetensors'), seal, hash };
  const again = { ...(await orderFor('b.safetensors')), kind: 'link' as const, candidates: [twin] };
  expect(await runCopyJob(again, quiet(), () => sources.driver)).toMatchObject({ hash, twin: { path: order.path } });
  expect(statSync(again.path).ino).toBe(statSync(order.path).ino);
});
