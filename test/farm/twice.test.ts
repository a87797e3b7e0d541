import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import type { SharedContent } from '../../src/farm/peer-server.ts';
import { patience } from '../helpers/patience.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { farmOn, idOf, nasWith, originBytes, slowDriver } from './farm-hosts.ts';
import { sha256 } from './shared-copy.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('./farm-hosts.ts')).patientLink }));

const size = 5 * chunkSize + 4321;
const chunks = 6;
const trust = 'twice';

describe.skipIf(noRedis !== null)(
  `a farm that believes what two hosts have read${leftOut}`,
  { timeout: patience(120_000) },
  () => {
    test('reads the origin twice, however many hosts there are', { tags: 'slow' }, async () => {
      const start = farmOn(await startRedis());
      const nas = nasWith(size);
      const driver = slowDriver(nas.root, async () => {});
      const hosts = [await start(), await start(), await start()];
      const reports = await Promise.all(hosts.map((host) => host.copy(nas, { trust, driver })));
      for (const host of hosts) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
      expect(originBytes(reports)).toBeGreaterThanOrEqual(2 * size);
      // A busy machine may take a host for a dead one.
      expect(originBytes(reports)).toBeLessThan(3 * size);
      const late = await start();
      expect((await late.copy(nas, { trust })).farm?.originBytes).toBeLessThan(size);
      expect(late.bytes(nas).equals(nas.bytes)).toBe(true);
    });

    test('takes nothing that one host alone has read', async () => {
      const start = farmOn(await startRedis());
      const nas = nasWith(size);
      const [first, second, third] = [await start(), await start(), await start()];
      await first.copy(nas, { trust });
      expect((await second.copy(nas, { trust })).farm).toMatchObject({ originBytes: size, peers: {} });
      expect((await third.copy(nas, { trust })).farm?.originBytes).toBeLessThan(size);
      for (const host of [first, second, third]) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    });

    test('finds one wrong byte that a host has read and published, which samples do not find', { tags: 'slow' }, async () => {
      const start = farmOn(await startRedis());
      const nas = nasWith(size);
      const bytes = Buffer.from(nas.bytes);
      bytes[3 * chunkSize + 77] = (bytes[3 * chunkSize + 77] ?? 0) ^ 1;
      const path = `${tempDir()}/bad-memory`;
      writeFileSync(path, bytes);
      const part = (chunk: number) => bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize);
      const hashes = new Map(Array.from({ length: chunks }, (_, chunk) => [chunk, sha256(part(chunk))]));
      const wrong: SharedContent = { size, has: ChunkSet.all(chunks), hashes, open: () => open(path, 'r') };
      const bad = await start({ gives: () => wrong });
      const id = await idOf(nas);
      const entry = bad.directory.join({ id, chunks, origin: 'o', slots: 4, twice: true }, bad.name);
      const answer = await entry.claim(ChunkSet.all(chunks), chunks, 60_000);
      if (answer.is !== 'claimed') throw new Error(answer.is);
      for (const [chunk, hash] of hashes) await entry.read(chunk, hash, answer.claim);
      await entry.release(answer.claim);
      bad.files.begin({ id, size, chunks, temp: path, path, hashes });
      const host = await start();
      const report = await host.copy(nas, { trust });
      expect(host.notes).toContainEqual({ is: 'split', why: expect.stringContaining('other bytes under one name') });
      expect(report.farm).toBeUndefined();
      expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    });
  },
);
