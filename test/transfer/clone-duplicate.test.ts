import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync, statSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { injectFault } from '../helpers/faulty-fs.ts';
import { createRig, type Rig } from '../helpers/rig.ts';
import { tempDir } from '../helpers/temp-dir.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const MiB = 1024 * 1024;
const size = 12 * MiB + 345;

/** A source that was downloaded another time: same bytes, other mtime, and perhaps a byte that differs. */
function downloadedAgain(path: string, flip?: number): string {
  const other = join(path, '../again.safetensors');
  const bytes = readFileSync(path);
  if (flip !== undefined) bytes[flip] = (bytes[flip] ?? 0) ^ 1;
  writeFileSync(other, bytes);
  utimesSync(other, 1_600_000_000, 1_600_000_000);
  return other;
}

function copyOf(rig: Rig, path: string): string {
  const [copy] = rig.catalog.copies.readyOf(rig.catalog.entries.byPath(path)?.id ?? 0);
  if (!copy) throw new Error(`${path} has no copy`);
  return copy.path;
}

/** A file system that shares blocks, as far as a program can tell: a clone is a file with the same bytes. */
function pretendClones(rig: Rig) {
  return injectFault('copyFileSync', {
    when: ([from]) => String(from).startsWith(rig.tier.dir),
    act: (_real, [from, to]) => writeFileSync(String(to), readFileSync(String(from)), { flag: 'wx' }),
  });
}

test.each([
  ['nothing', undefined, 0],
  ['one byte', 5 * MiB + 100_000, 1],
])('a copy that begins as a clone of one that looks like it gets what differs written: %s', async (_, flip, writes) => {
  const rig = createRig({ workers: 'inline' });
  const a = rig.source('loras/a.safetensors', size).path;
  let written = 0;
  const counted = (real: () => unknown) => {
    written += 1;
    return real();
  };
  injectFault('any', { when: (_args, call) => call === 'write' || call === 'writeSync', act: counted });
  await rig.copy(a);
  const b = downloadedAgain(a, flip);
  pretendClones(rig);
  written = 0;
  expect((await rig.copy(b)).state).toBe('done');
  expect(written).toBe(writes);
  expect(readFileSync(copyOf(rig, b)).equals(readFileSync(b))).toBe(true);
  expect(readFileSync(copyOf(rig, a)).equals(readFileSync(a))).toBe(true);
  expect([statSync(copyOf(rig, b)).mtimeMs, statSync(copyOf(rig, b)).mode & 0o777]).toEqual([1_600_000_000_000, 0o444]);
  // A clone may be written to, and needs its own blocks then: it counts in full.
  expect(rig.catalog.placements.usedBytes('ssd')).toBe(2 * size);
});

test('one that does not look like it is dropped before the source is read', async () => {
  const rig = createRig({ workers: 'inline' });
  const a = rig.source('loras/a.safetensors', size).path;
  await rig.copy(a);
  const b = rig.source('loras/b.safetensors', size).path;
  pretendClones(rig);
  expect((await rig.copy(b)).state).toBe('done');
  expect(readFileSync(copyOf(rig, b)).equals(readFileSync(b))).toBe(true);
});

/** The cache directory of a rig on XFS, or why there is none here. */
function mountXfs(dir: string): string | null {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'mounting needs root on Linux';
  const image = join(dir, 'disk');
  writeFileSync(image, '');
  truncateSync(image, 400 * MiB);
  if (spawnSync('mkfs.xfs', ['-q', '-m', 'reflink=1', image]).status !== 0) return 'there is no mkfs.xfs';
  const at = join(dir, 'cache');
  mkdirSync(at);
  if (spawnSync('mount', ['-o', 'loop', image, at]).status !== 0) return 'loop devices cannot be mounted';
  onTestFinished(() => void execFileSync('umount', ['-l', at]));
  return null;
}

test('on XFS two downloads of one model share their blocks, each with its own mtime', { tags: 'slow' }, async (context) => {
  const dir = tempDir();
  const refused = mountXfs(dir);
  if (refused !== null) context.skip(refused);
  const rig = createRig({ dir, workers: 'inline' });
  const a = rig.source('loras/a.safetensors', 8 * size).path;
  await rig.copy(a);
  const b = downloadedAgain(a);
  const free = () => statfsSync(rig.tier.dir).bavail * statfsSync(rig.tier.dir).bsize;
  const before = free();
  expect((await rig.copy(b)).state).toBe('done');
  execFileSync('sync', ['-f', rig.tier.dir]);
  expect(before - free()).toBeLessThan(size);
  expect(readFileSync(copyOf(rig, b)).equals(readFileSync(b))).toBe(true);
  expect(statSync(copyOf(rig, b)).ino).not.toBe(statSync(copyOf(rig, a)).ino);
});
