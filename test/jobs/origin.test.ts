import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { encodeFile } from '../../src/codec/encode.ts';
import type { Medium } from '../../src/core/types.ts';
import { parseManifest } from '../../src/tiers/manifest.ts';
import { publish } from '../../src/tiers/publish.ts';
import { flipBit } from '../helpers/files.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const mtimeOf = (path: string) => statSync(path, { bigint: true }).mtimeNs;

const placeIn = (rig: Rig, tier: 'ram' | 'cold' | 'ssd', rel = 'loras/a.safetensors') => {
  const place = rig.tiers.get(tier)?.placeOf(rig.root, rel);
  if (!place) throw new Error(`no ${tier} tier`);
  return place;
};

/** A rig with a file whose copy is on the SSD. */
async function withCopy(size = 9 * MiB) {
  const rig = createRig({ extra: ['ram'], perSource: { hdd: 1 }, workers: 'inline' });
  const { path, bytes } = rig.source('loras/a.safetensors', size);
  expect((await rig.copy(path)).state).toBe('done');
  return { rig, path, bytes };
}

/** A rig with a file whose only copy is compressed. */
async function withColdCopy(size = 6 * MiB) {
  const rig = createRig({ extra: ['cold'], workers: 'inline' });
  const { path, bytes } = rig.weights('loras/a.safetensors', size);
  const source = rig.file(path);
  expect((await rig.copy(path)).state).toBe('done');
  const plain = placeIn(rig, 'ssd');
  const proof = parseManifest(readFileSync(plain.manifestPath, 'utf8'));
  if (!proof) throw new Error('nothing to compress');
  const temp = join(rig.tiers.require('cold').partialDir, '1.part');
  const [from, to] = [openSync(plain.path, 'r'), openSync(temp, 'wx')];
  await encodeFile(from, to);
  for (const fd of [from, to]) closeSync(fd);
  const cold = placeIn(rig, 'cold');
  const chunks = proof.chunks.match(/.{32}/g) ?? [];
  const seal = await publish({ ...cold, temp, source, hash: proof.hash, chunks, sha256: proof.sha256, mtimeFrom: plain.path });
  const entry = rig.catalog.entries.put(source);
  const endless = { limit: Number.POSITIVE_INFINITY, free: Number.POSITIVE_INFINITY, floor: 0 };
  const row = { entryId: entry.id, tier: 'cold' as const, path: cold.path, source: source.fingerprint, bytes: seal.size };
  const reserved = rig.catalog.copies.reserve({ ...row, ...endless });
  if (!('copy' in reserved)) throw new Error('no room');
  rig.catalog.copies.publish(reserved.copy.id, { ...proof, seal, source: source.fingerprint });
  const [hot] = rig.catalog.copies.readyOf(entry.id);
  if (!hot) throw new Error('no copy');
  expect(await rig.evictor.evict(hot, entry, 'evict')).toMatchObject({ removed: true });
  return { rig, path, bytes, source, proof, cold: cold.path };
}

describe('a copy into RAM', () => {
  test('is read from the SSD, and the source need not be there', async () => {
    const { rig, path, bytes } = await withCopy();
    const source = rig.file(path);
    const ssd = placeIn(rig, 'ssd');
    const mtime = mtimeOf(path);
    rmSync(path);
    const job = rig.copier.request({ file: source, priority: 'background', medium: 'hdd', tier: 'ram' });
    await job.ended;
    expect(job.view()).toMatchObject({ state: 'done', tier: 'ram', error: null });
    const ram = placeIn(rig, 'ram');
    expect(readFileSync(ram.path).equals(bytes)).toBe(true);
    expect(mtimeOf(ram.path)).toBe(mtime);
    const [proof, original] = [ram, ssd].map(({ manifestPath }) => parseManifest(readFileSync(manifestPath, 'utf8')));
    expect(proof).toMatchObject({ ...original, seal: expect.anything() });
    const ready = rig.catalog.copies.readyOf(rig.catalog.entries.byPath(path)?.id ?? 0);
    expect(ready.map(({ tier }) => tier)).toEqual(['ram', 'ssd']);
    expect(ready[0]?.source).toMatchObject(source.fingerprint);
  });

  test('does not wait for the disk that its source is on, and is no write to the SSD', async () => {
    const { rig, path } = await withCopy();
    const other = rig.request(rig.source('loras/b.safetensors', 32 * MiB).path);
    const job = rig.request(path, 'background', 'hdd', 'ram');
    const third = rig.request(rig.source('loras/c.safetensors', MiB).path);
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    expect([other, job, third].map(({ state }) => state)).toEqual(['running', 'running', 'queued']);
    await Promise.all([other, job, third].map(({ ended }) => ended));
    expect(rig.catalog.usage.daily().reduce((sum, { bytesCopied }) => sum + bytesCopied, 0)).toBe(42 * MiB);
  });

  test('from a copy with a flipped bit is found out: the copy leaves service, and the source is read', async () => {
    const { rig, path, bytes } = await withCopy();
    flipBit(placeIn(rig, 'ssd').path, 5 * MiB);
    expect((await rig.copy(path, 'ram')).state).toBe('done');
    expect(readFileSync(placeIn(rig, 'ram').path).equals(bytes)).toBe(true);
    expect(rig.catalog.copies.inState('stale').map(({ tier }) => tier)).toEqual(['ssd']);
    expect(existsSync(placeIn(rig, 'ssd').manifestPath)).toBe(false);
    const told = rig.seen.filter(({ name }) => name === 'copy-damaged');
    expect(told.map(({ event }) => event)).toMatchObject([{ path, tier: 'ssd' }]);
  });

  test('is a job of its own, whose failure holds nothing else up', async () => {
    const { rig, path } = await withCopy(MiB);
    const lost = rig.copier.request({
      file: { ...rig.file(path), fingerprint: { size: 5, mtimeNs: '1', ino: null } },
      priority: 'background',
      medium: 'hdd',
      tier: 'ram',
    });
    expect(rig.copier.activeJob(path)).toBeUndefined();
    expect(rig.copier.activeJob(path, 'ram')).toBe(lost);
    expect(rig.active.isBusy(path)).toBe(true);
    await lost.ended;
    expect(lost.error?.code).toBe('SOURCE_CHANGED');
    expect(rig.copier.failures.recent(path)).toBeUndefined();
    expect(rig.active.isBusy(path)).toBe(false);
    expect((await rig.copy(path, 'cold')).error?.message).toContain('switched off');
    expect(rig.copier.failures.recent(path, 'cold')?.code).toBe('BAD_REQUEST');
    expect(rig.copier.failures.recent(path)).toBeUndefined();
  });
});

describe('a copy out of the cold tier', () => {
  async function isDecoded(size: number): Promise<void> {
    const { rig, path, bytes, source, proof, cold } = await withColdCopy(size);
    expect(statSync(cold).size).toBeLessThan(0.7 * bytes.length);
    const mtime = mtimeOf(path);
    rmSync(path);
    const job = rig.copier.request({ file: source, priority: 'wait', medium: 'nas' });
    await job.ended;
    expect(job.error).toBeNull();
    const { path: restored, manifestPath } = placeIn(rig, 'ssd');
    expect(readFileSync(restored).equals(bytes)).toBe(true);
    expect(mtimeOf(restored)).toBe(mtime);
    expect(parseManifest(readFileSync(manifestPath, 'utf8'))).toMatchObject({
      ...proof,
      source: { ...proof.source, fingerprint: source.fingerprint },
      seal: { size: bytes.length },
    });
  }

  test('is decoded on its way, byte for byte, and the source need not be there', () => isDecoded(6 * MiB));
  test('is restored in parts, byte for byte, and the source need not be there', { tags: 'slow' }, () =>
    isDecoded(128 * MiB + 4714),
  );

  async function isFoundOut(size: number, position: (size: number) => number): Promise<void> {
    const { rig, path, bytes, cold } = await withColdCopy(size);
    flipBit(cold, position(statSync(cold).size));
    expect((await rig.copy(path)).error).toBeNull();
    expect(readFileSync(placeIn(rig, 'ssd').path).equals(bytes)).toBe(true);
    expect(existsSync(cold)).toBe(false);
    expect(rig.catalog.copies.inState('ready', 'stale').map(({ tier }) => tier)).toEqual(['ssd']);
    expect(rig.seen.filter(({ name }) => name === 'copy-damaged')).toHaveLength(1);
  }

  test('with a bit flipped in its data, it is found out, and the source is read', () =>
    isFoundOut(6 * MiB, (size) => Math.floor(size / 2)));
  test('with a bit flipped in its seek table, it is found out, and the source is read', () =>
    isFoundOut(6 * MiB, (size) => size - 12));
  test('with a bit flipped in a part, it is found out, and the source is read', { tags: 'slow' }, () =>
    isFoundOut(128 * MiB, (size) => Math.floor(size / 2)),
  );

  test('that is damaged, with its source away, fails as the source does, and leaves nothing behind', async () => {
    const { rig, path, source, cold } = await withColdCopy(MiB);
    flipBit(cold, 1000);
    rmSync(path);
    const job = rig.copier.request({ file: source, priority: 'wait', medium: 'hdd' });
    await job.ended;
    expect(job.error?.code).toBe('SOURCE_MISSING');
    expect(rig.catalog.copies.inState('copying', 'ready')).toEqual([]);
    expect(existsSync(placeIn(rig, 'ssd').path)).toBe(false);
  });
});

describe('a copy whose bytes are known to be those of another source', () => {
  /**
   * Two sources with the same bytes and different mtimes, copied both; then the copy of the second one leaves. They are too short for a
   * fast disk to be judged too fast for SHA-256.
   */
  async function arrange({ medium = 'hdd' }: { medium?: Medium } = {}) {
    const rig = createRig({ extra: ['ram'], workers: 'inline' });
    const { path: a, bytes } = rig.source('loras/a.safetensors', 7 * MiB);
    const b = join(a, '../b.safetensors');
    writeFileSync(b, bytes);
    execFileSync('touch', ['-d', '@1600000000.123456789', b]);
    for (const path of [a, b]) await rig.request(path, 'background', medium).ended;
    const entry = rig.catalog.entries.byPath(b);
    const [copy] = rig.catalog.copies.readyOf(entry?.id ?? 0);
    if (!entry || !copy) throw new Error('not copied');
    expect(await rig.evictor.evict(copy, entry, 'evict')).toMatchObject({ removed: true });
    return { rig, a, b, bytes, source: rig.file(b), entry };
  }

  const copyAgain = async (rig: Rig, file: ReturnType<Rig['file']>) => {
    const job = rig.copier.request({ file, priority: 'background', medium: 'hdd' });
    await job.ended;
    return job;
  };

  test('is made from that one: its own source need not be there, and its mtime is kept to the nanosecond', async () => {
    const { rig, b, bytes, source, entry } = await arrange();
    rmSync(b);
    expect((await copyAgain(rig, source)).error).toBeNull();
    const { path, manifestPath } = placeIn(rig, 'ssd', 'loras/b.safetensors');
    expect(readFileSync(path).equals(bytes)).toBe(true);
    expect(mtimeOf(path)).toBe(1_600_000_000_123_456_789n);
    expect(parseManifest(readFileSync(manifestPath, 'utf8'))).toMatchObject({ source });
    expect(rig.catalog.copies.readyOf(entry.id)).toMatchObject([{ source: source.fingerprint, path }]);
    const contents = new Set(rig.catalog.copies.inState('ready').map(({ content }) => content));
    expect(contents.size).toBe(1);
  });

  test('is read from its source when the source has changed since', async () => {
    const { rig, b, source } = await arrange();
    const bytes = Buffer.alloc(source.fingerprint.size, 'new');
    writeFileSync(b, bytes);
    expect((await copyAgain(rig, rig.file(b))).error).toBeNull();
    expect(readFileSync(placeIn(rig, 'ssd', 'loras/b.safetensors').path).equals(bytes)).toBe(true);
  });

  test('is read from its source when the other copy turns out to be damaged', async () => {
    const { rig, bytes, source } = await arrange();
    flipBit(placeIn(rig, 'ssd').path, 5 * MiB);
    expect((await copyAgain(rig, source)).error).toBeNull();
    expect(readFileSync(placeIn(rig, 'ssd', 'loras/b.safetensors').path).equals(bytes)).toBe(true);
    expect(rig.catalog.copies.inState('stale').map(({ path }) => path)).toEqual([placeIn(rig, 'ssd').path]);
  });

  test('is read from its source when only the hash of the chunks says so: that proves nothing of two sources', async () => {
    const { rig, b, source } = await arrange({ medium: 'ssd' });
    rmSync(b);
    expect((await copyAgain(rig, source)).error?.code).toBe('SOURCE_MISSING');
  });
});
