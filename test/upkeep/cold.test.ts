import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { chunkSize } from '../../src/codec/chunk-hash.ts';
import { restoreScript } from '../../src/codec/restore-script.ts';
import { reconcileAll } from '../../src/upkeep/reconcile.ts';
import { Scrub } from '../../src/upkeep/scrub.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { tiersOf } from '../helpers/demoter.ts';
import { flipBit, writeWeights } from '../helpers/files.ts';
import { patience } from '../helpers/patience.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

const MiB = 1024 * 1024;
const canRestore = ['python3', 'zstd'].every((command) => spawnSync(command, ['--version']).status === 0);

async function withCold(size = 2 * MiB) {
  const rig = createRig({ extra: ['cold'], workers: 'inline' });
  const { path, bytes } = rig.weights('loras/a.safetensors', size);
  for (const tier of ['ssd', 'cold'] as const) expect((await rig.copy(path, tier)).error).toBeNull();
  expect(tiersOf(rig, path)).toEqual(['cold']);
  return { rig, path, bytes, cold: rig.tiers.require('cold').placeOf(rig.root, 'loras/a.safetensors').path ?? '' };
}

async function restart(rig: Rig, extra: 'cold'[] = ['cold']) {
  await rig.close();
  const next = createRig({ dir: rig.dir, extra, workers: 'inline' });
  await reconcileAll(next);
  return next;
}

describe('the next start', () => {
  test('finds what is compressed, from the proofs alone when the catalog is lost, and restores it without its source', async () => {
    const { rig, path, bytes } = await withCold();
    const file = rig.file(path);
    await rig.close();
    rmSync(join(rig.dir, 'catalog.db'));
    rmSync(path);
    const next = await restart(rig);
    expect(tiersOf(next, path)).toEqual(['cold']);
    const job = next.copier.request({ file, priority: 'wait', medium: 'hdd' });
    await job.ended;
    expect(job.error).toBeNull();
    expect(readFileSync(next.tier.placeOf(next.root, 'loras/a.safetensors').path).equals(bytes)).toBe(true);
  });

  test('after a crash between the two tiers keeps both, and room is made by the compressed one', { tags: 'slow' }, async () => {
    const { rig, path, bytes } = await withCold();
    const copy = rig.catalog.copies.inState('ready')[0];
    const original = rig.evictor.evict.bind(rig.evictor);
    rig.evictor.evict = async () => ({ removed: false, why: 'the power is gone' });
    expect((await rig.copy(path)).error).toBeNull();
    rig.evictor.evict = original;
    expect(copy?.path).toBe(rig.tiers.require('cold').placeOf(rig.root, 'loras/a.safetensors').path);
    const next = await restart(rig);
    expect(tiersOf(next, path)).toEqual(['ssd', 'cold']);
    next.bound.limit = next.catalog.placements.usedUnderLimit('ssd');
    expect((await next.copy(next.source('loras/b', MiB).path)).error).toBeNull();
    expect(tiersOf(next, path)).toEqual(['ssd']);
    expect(readFileSync(next.tier.placeOf(next.root, 'loras/a.safetensors').path).equals(bytes)).toBe(true);
  });

  test('with the tier gone forgets its copies, and takes no space for them', async () => {
    const { rig, path } = await withCold();
    const next = await restart(rig, []);
    expect(tiersOf(next, path)).toEqual([]);
    expect(next.catalog.placements.usedUnderLimit('ssd')).toBe(0);
  });
});

describe('a compressed copy that is read again', () => {
  test.each([false, true])('is decoded and compared; with a flipped bit: %s', { tags: 'slow' }, async (flipped) => {
    const { rig, cold } = await withCold(2 * chunkSize);
    const scrub = new Scrub({
      ...rig,
      recopy: async () => false,
      onMeasured: () => {},
      onIdentified: () => {},
      periodMs: () => null,
    });
    if (flipped) flipBit(cold, Math.floor(statSync(cold).size * 0.75));
    const { files, damaged } = await scrub.verify(rig.catalog.copies.inState('ready'));
    expect(files).toBe(1);
    expect(damaged.map(({ tier, chunks }) => ({ tier, chunks }))).toEqual(flipped ? [{ tier: 'cold', chunks: [1] }] : []);
    await scrub[Symbol.asyncDispose]();
  });
});

test('a whole daemon compresses under pressure and restores, also after compressing was switched off', {
  tags: 'slow',
  timeout: patience(60_000),
}, async () => {
  const daemon = await runDaemon({}, { AUTOCACHE_COMPRESS: 'cold', AUTOCACHE_LIMIT: `${11.8 * MiB}`, AUTOCACHE_SCRUB: 'off' });
  const paths = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', 'j'].map((name) =>
    join(daemon.root, `loras/${name}.safetensors`),
  );
  const bytes = paths.map((path) => writeWeights(path, MiB));
  const events = await daemon.client.events(AbortSignal.timeout(patience(50_000)));
  const { items } = await daemon.client.warm({ paths, wait: true });
  expect(items.map(({ job }) => job?.state)).toEqual(paths.map(() => 'done'));
  for await (const { name, data } of events) if (name === 'job-done' && data['tier'] === 'cold') break;
  const { tiers } = await daemon.client.stats();
  expect(tiers).toMatchObject([
    { tier: 'ssd', files: 9 },
    { tier: 'cold', files: 1, represented: bytes[0]?.length, ratio: expect.any(Number) },
  ]);
  expect(tiers[1]?.ratio).toBeGreaterThan(1.4);
  const script = join(daemon.dir, 'ssd/cold/restore.py');
  if (canRestore) {
    const compressed = readdirSync(join(daemon.dir, 'ssd/cold/files'), { recursive: true, encoding: 'utf8' });
    const file = join(daemon.dir, 'ssd/cold/files', compressed.find((name) => name.endsWith('.zst')) ?? '');
    const restored = join(daemon.dir, 'restored.safetensors');
    expect(spawnSync('python3', [script, file, restored], { encoding: 'utf8' })).toMatchObject({ status: 0, stderr: '' });
    expect(bytes.some((one) => readFileSync(restored).equals(one))).toBe(true);
  }
  writeFileSync(script, 'that of another version');
  await daemon.restart({ AUTOCACHE_COMPRESS: 'off' });
  expect(readFileSync(script, 'utf8')).toBe(restoreScript);
  const { entries } = await daemon.client.entries({});
  const cold = entries.find(({ copies }) => copies.some(({ tier }) => tier === 'cold'))?.path ?? '';
  const answer = await daemon.client.lookup({ path: cold, purpose: 'load', waitMs: 20_000, client: null });
  expect(answer).toMatchObject({ reason: 'HIT_AFTER_WAIT', tier: 'ssd' });
  expect(readFileSync(answer.path).equals(bytes[paths.indexOf(cold)] ?? Buffer.alloc(0))).toBe(true);
  expect(existsSync(join(daemon.dir, 'ssd/cold/.autocached'))).toBe(true);
});
