import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { partialPath, readJournal } from '../../src/tiers/partial.ts';
import { patience } from '../helpers/patience.ts';
import { createRig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';

const MiB = 1024 * 1024;

/** Makes the directory a small disk of its own. @returns why not, or null */
function mountSmallDisk(path: string, bytes: number): string | null {
  if (process.platform !== 'linux') return 'no small disk can be mounted: this needs Linux';
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'autocached-test', path], { stdio: 'pipe' });
  } catch (error) {
    return `no small disk can be mounted: ${String(error).split('\n')[0]}`;
  }
  onTestFinished(() => void execFileSync('umount', ['-l', path]));
  return null;
}

/** Takes every byte that is left, as another program may. @returns what the system said at the end */
function fillUp(path: string): unknown {
  const fd = openSync(path, 'w');
  try {
    for (let size = MiB; size >= 1; size = Math.floor(size / 2)) {
      try {
        for (;;) writeSync(fd, Buffer.alloc(size, 1));
      } catch (error) {
        if (size === 1) return error;
      }
    }
  } finally {
    closeSync(fd);
  }
  return null;
}

test('a disk that another program fills while a copy runs: nothing is broken, and the copy goes on when there is room', async (context) => {
  const dir = tempDir();
  const cache = join(dir, 'cache');
  mkdirSync(cache);
  const refused = mountSmallDisk(cache, 64 * MiB);
  if (refused !== null) return context.skip(refused);
  const rig = createRig({ dir, rates: { overall: 60e6, by: {} } });
  const { path, bytes } = rig.source('checkpoints/a.safetensors', 56 * MiB + 5);
  const place = rig.tier.placeOf(rig.root, 'checkpoints/a.safetensors');
  const temp = partialPath(rig.tier.partialDir, path);

  const cut = rig.request(path);
  await vi.waitUntil(() => readJournal(temp) !== undefined, { timeout: patience(30_000), interval: 5 });
  const filler = join(cache, 'of another program');
  expect(fillUp(filler)).toMatchObject({ code: 'ENOSPC' });
  await cut.ended;
  expect(cut.view()).toMatchObject({
    state: 'failed',
    error: { code: 'NO_SPACE', message: 'the cache disk is full' },
  });
  expect([place.path, place.manifestPath].map((file) => existsSync(file))).toEqual([false, false]);
  expect(readFileSync(path).equals(bytes)).toBe(true);

  rmSync(filler);
  const again = rig.request(path);
  await again.ended;
  expect(again.view()).toMatchObject({ state: 'done', error: null });
  expect(again.resumedFrom).toBeGreaterThanOrEqual(24 * MiB);
  expect(readFileSync(place.path).equals(bytes)).toBe(true);
  expect(rig.catalog.placements.usedBytes('ssd')).toBe(bytes.length);
});
