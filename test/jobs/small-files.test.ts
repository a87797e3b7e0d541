import { readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { violations } from '../full/oracles.ts';
import { endDaemonProcess, startDaemonProcess } from '../helpers/daemon-process.ts';
import { writeModel } from '../helpers/files.ts';
import { soon } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const mtimeOf = (path: string) => statSync(path, { bigint: true }).mtimeNs;

test('hundreds of small files of a hard disk are not copied one by one, and each copy is its source to the nanosecond', {
  tags: 'slow',
}, async () => {
  const rig = createRig({ perSource: { hdd: 1 } });
  const sources = Array.from({ length: 200 }, (_, index) => rig.source(`embeddings/${index}.safetensors`, 1 + index * 37));
  // An mtime that no utimes call can express.
  for (const { path, bytes } of sources) writeFileSync(path, bytes);
  let most = 0;
  rig.events.subscribe(() => {
    most = Math.max(most, rig.copier.counts().running);
  });
  const jobs = sources.map(({ path }) => rig.request(path));
  await Promise.all(jobs.map(({ ended }) => ended));
  expect(jobs.filter(({ state }) => state !== 'done')).toEqual([]);
  expect(most).toBe(32);
  for (const { path, rel, bytes } of sources) {
    const copy = rig.tier.placeOf(rig.root, rel).path;
    expect(readFileSync(copy).equals(bytes)).toBe(true);
    expect(mtimeOf(copy)).toBe(mtimeOf(path));
  }
  expect(readdirSync(rig.tier.partialDir)).toEqual([]);
});

test('one of many small files that fails takes none of the others along', async () => {
  const rig = createRig({ perSource: { hdd: 1 } });
  const sources = Array.from({ length: 20 }, (_, index) => rig.source(`loras/${index}.safetensors`, 5000));
  const jobs = sources.map(({ path }) => rig.request(path));
  // Rewritten since they were asked for.
  for (const { path } of sources.slice(3, 5)) {
    writeFileSync(path, 'another');
    utimesSync(path, 1, 1);
  }
  await Promise.all(jobs.map(({ ended }) => ended));
  expect(jobs.flatMap(({ state }, index) => (state === 'done' ? [] : [index]))).toEqual([3, 4]);
  expect(rig.catalog.copies.inState('ready')).toHaveLength(18);
  expect(rig.catalog.copies.inState('copying', 'evicting')).toEqual([]);
  expect(readdirSync(rig.tier.partialDir)).toEqual([]);
});

test('a daemon that is killed while it copies many small files comes back with those that were whole, and with nothing else', {
  tags: 'slow',
}, async () => {
  const dir = tempDir();
  const root = join(dir, 'models');
  const sources = Array.from({ length: 64 }, (_, index) => {
    const path = join(root, 'loras', `${index}.safetensors`);
    const bytes = writeModel(path, 8192 + index);
    return { path, bytes, mtimeNs: mtimeOf(path) };
  });
  const settings = { AUTOCACHE_ROOTS: `${root}=hdd`, AUTOCACHE_SCRUB: 'off', AUTOCACHE_POLITE: 'off' };
  const first = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_RATE: '16KiB' } });
  await first.client.warm({ paths: sources.map(({ path }) => path) });
  const ready = async () => (await first.client.entries({ cached: true })).entries.length;
  await vi.waitUntil(async () => (await ready()) > 8, soon());
  await endDaemonProcess(first.child, 'SIGKILL');
  const unfinished = readdirSync(join(first.cacheDir, 'partial'));
  expect(unfinished.length).toBeGreaterThan(0);

  const second = await startDaemonProcess({ dir, settings: { ...settings, AUTOCACHE_MODE: 'read-only' } });
  expect(await violations(second, { root, sources, limit: 10 ** 9 })).toEqual([]);
  const whole = (await second.client.entries({ cached: true })).entries.length;
  expect(whole).toBeGreaterThan(8);
  expect(whole).toBeLessThan(sources.length);
  await endDaemonProcess(second.child);
});
