import { truncateSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test, vi } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { ChunkSet } from '../../src/farm/chunk-set.ts';
import type { SharedContent } from '../../src/farm/peer-server.ts';
import { UploadTurns } from '../../src/farm/upload-turns.ts';
import { patience } from '../helpers/patience.ts';
import { leftOut, noRedis, startRedis } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { farmOn, idOf, nasWith, originBytes, slowDriver } from './farm-hosts.ts';
import { sha256 } from './shared-copy.ts';

vi.mock('../../src/farm/farm-link.ts', async () => ({ farmLink: (await import('./farm-hosts.ts')).patientLink }));

const size = 9 * chunkSize + 4321;

/** What a host gives whose bytes differ: with the true hashes, or with those of its own bytes. */
function wrong({ size: length, has }: SharedContent, hashes: 'true' | 'own', truth: SharedContent): SharedContent {
  const path = `${tempDir()}/wrong`;
  const bytes = Buffer.alloc(length, 0x55);
  writeFileSync(path, bytes);
  const part = (chunk: number) => bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize);
  const own = new Map([...Array(has.chunks).keys()].map((chunk) => [chunk, sha256(part(chunk))]));
  return { size: length, has, hashes: hashes === 'own' ? own : truth.hashes, open: () => open(path, 'r') };
}

describe.skipIf(noRedis !== null)(`a farm in trouble${leftOut}`, { timeout: patience(120_000) }, () => {
  test('1: without its Redis a host reads the origin itself', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const start = farmOn(redis);
    const nas = nasWith(size);
    const host = await start();
    await redis.kill();
    const report = await host.copy(nas);
    expect(report.farm).toMatchObject({ originBytes: size });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('what a host has announced that has left the farm is read from the origin at once', async () => {
    const redis = await startRedis();
    const host = await farmOn(redis)();
    const nas = nasWith(size);
    const chunks = Math.ceil(size / chunkSize);
    const part = (chunk: number) => nas.bytes.subarray(chunk * chunkSize, (chunk + 1) * chunkSize);
    const hashes = new Map(Array.from({ length: chunks }, (_, chunk) => [chunk, sha256(part(chunk))]));
    const content = { id: await idOf(nas), chunks, origin: '', slots: 0 };
    await host.directory.join(content, 'gone').announce(ChunkSet.all(chunks), hashes, 30 * 60_000);
    const { holders } = await host.directory.join(content, host.name).holders();
    expect(holders).toMatchObject([{ host: 'gone' }]);
    const report = await host.copy(nas, { signal: AbortSignal.timeout(patience(10_000)) });
    expect(report.farm).toMatchObject({ originBytes: size });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('1: a Redis that dies in the middle is done without: the hosts that are known still give', {
    tags: 'slow',
  }, async () => {
    const redis = await startRedis();
    const start = farmOn(redis);
    const nas = nasWith(size);
    const [full, host] = [await start(), await start()];
    await full.copy(nas);
    const some = host.next('gained');
    const copying = host.copy(nas);
    await some;
    await redis.kill();
    const { farm } = await copying;
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(farm?.peers[full.name]).toBeGreaterThan(0);
  });

  test('1: a Redis that hangs in the middle is done without', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const start = farmOn(redis);
    const nas = nasWith(size);
    const host = await start();
    const driver = slowDriver(nas.root, () => sleep(10));
    const some = host.next('gained');
    const copying = host.copy(nas, { driver });
    await some;
    redis.hang();
    try {
      await copying;
      expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    } finally {
      redis.goOn();
    }
  });

  test('2: a Redis that forgets everything is told again', { tags: 'slow' }, async () => {
    const redis = await startRedis();
    const start = farmOn(redis);
    const nas = nasWith(size);
    const hosts = [await start(), await start()];
    const driver = slowDriver(nas.root, () => sleep(15));
    const some = hosts[0]?.next('gained');
    const copying = Promise.all(hosts.map((host) => host.copy(nas, { driver })));
    await some;
    expect(await redis.cli('flushall')).toBe('OK');
    const reports = await copying;
    for (const host of hosts) expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(originBytes(reports)).toBeLessThanOrEqual(2 * size);
  });

  test('3: a host that was ended takes up what it had, and fetches only the rest', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [full, host] = [await start(), await start()];
    await full.copy(nas);
    const end = new AbortController();
    const cancelled = host.copy(nas, { signal: end.signal }).catch((error: unknown) => error);
    await host.next('gained');
    end.abort();
    expect(await cancelled).toMatchObject({ code: 'CANCELLED' });
    const report = await host.copy(nas);
    expect(report.resumedFrom).toBeGreaterThan(0);
    const { originBytes: read = 0, peers = {} } = report.farm ?? {};
    expect(read + (peers[full.name] ?? 0)).toBe(size - report.resumedFrom);
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('5: chunks whose only host is gone are read from the origin', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const [full, host] = [await start(), await start()];
    await full.copy(nas);
    await full.stop();
    const { farm } = await host.copy(nas);
    expect(farm).toMatchObject({ originBytes: size, peers: {} });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });

  test('5: what only a slow host has is awaited while the source is away', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    // Whole chunks: a short one, taken first, would be there at once.
    const nas = nasWith(2 * chunkSize);
    const turns = new UploadTurns();
    turns.rate = 640 * 1024;
    const [full, host] = [await start({ turn: (bytes) => turns.turn(bytes, false) }), await start()];
    const { hash } = await full.copy(nas);
    let signsOfLife = 0;
    const progress = (done: number) => {
      if (done === 0) signsOfLife++;
    };
    const { farm } = await host.copy(nas, { away: { content: await idOf(nas), hash }, progress });
    expect(farm).toMatchObject({ originBytes: 0, peers: { [full.name]: nas.size } });
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    // The first chunk takes 12 s: a copy without a sign of life for a minute is given up.
    expect(signsOfLife).toBeGreaterThan(5);
  });

  test('6: wrong bytes of a host are noticed, and it is asked no more', async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const liar = await start({ gives: (content) => wrong(content, 'true', content) });
    await liar.copy(nas);
    const host = await start();
    const { farm } = await host.copy(nas);
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(farm?.peers).toEqual({});
    const lies = host.notes.filter((note) => note.is === 'peer' && note.how === 'lied');
    expect(lies.length).toBeGreaterThan(0);
    // Two requests may be under way when the first wrong chunk is seen.
    expect(lies.length).toBeLessThanOrEqual(2);
  });

  test('6: a host whose answers break off is done without', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    let opened = 0;
    const short = (content: SharedContent): SharedContent => ({
      ...content,
      has: content.has,
      async open() {
        opened++;
        const path = `${tempDir()}/short`;
        writeFileSync(path, '');
        truncateSync(path, 1000);
        return open(path, 'r');
      },
    });
    await (await start({ gives: short })).copy(nas);
    const host = await start();
    await host.copy(nas);
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
    expect(host.notes).not.toContainEqual(expect.objectContaining({ is: 'bytes', from: 'peer' }));
    expect(opened).toBeGreaterThan(0);
  });

  test('7: a host that forged both bytes and hashes is found out by spots of the own source', { tags: 'slow' }, async () => {
    const start = farmOn(await startRedis());
    const nas = nasWith(size);
    const id = await idOf(nas);
    const chunks = Math.ceil(size / chunkSize);
    const content: SharedContent = { size, has: ChunkSet.all(chunks), hashes: new Map(), open: async () => null };
    const forged = wrong(content, 'own', content);
    const forger = await start({ gives: () => forged });
    const hashes = forged.hashes;
    await forger.directory.join({ id, chunks, origin: '', slots: 0 }, forger.name).announce(ChunkSet.all(chunks), hashes);
    forger.files.begin({ id, size, chunks, temp: '/nowhere', path: '/nowhere', hashes });
    const host = await start();
    const report = await host.copy(nas);
    expect(host.notes).toContainEqual({ is: 'bytes', from: 'peer', bytes: chunkSize });
    expect(host.notes).toContainEqual({ is: 'split', why: expect.stringContaining('is not what') });
    expect(report.farm).toBeUndefined();
    expect(host.bytes(nas).equals(nas.bytes)).toBe(true);
  });
});
