import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, existsSync, linkSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import type { Copy } from '../../src/core/types.ts';
import { reconcile } from '../../src/upkeep/reconcile.ts';
import { injectFault, systemError } from '../helpers/faulty-fs.ts';
import { createRig, type Rig } from '../helpers/rig.ts';

vi.mock('node:fs', async (original) => (await import('../helpers/faulty-fs.ts')).faultyFs(await original()));

const chunk = 8 * 1024 * 1024;
const size = 2 * chunk + 12_345;

/** Another source with the same bytes and, unless told otherwise, the same mtime. */
function duplicate(path: string, name: string, { seconds, flip }: { seconds?: number; flip?: number } = {}): string {
  const other = join(path, '..', name);
  copyFileSync(path, other);
  if (flip !== undefined) {
    const bytes = readFileSync(other);
    bytes[flip] = (bytes[flip] ?? 0) ^ 1;
    writeFileSync(other, bytes);
  }
  execFileSync('touch', ['-r', path, other]);
  if (seconds !== undefined) utimesSync(other, seconds, seconds);
  return other;
}

function copyOf(rig: Rig, path: string): Copy {
  const entry = rig.catalog.entries.byPath(path);
  const [copy] = entry ? rig.catalog.copies.readyOf(entry.id) : [];
  if (!copy) throw new Error(`${path} has no copy`);
  return copy;
}

const inode = (path: string) => statSync(path).ino;
/** Kibibytes on the disk, as `du` counts them: a file once, whatever number of names it has. */
const used = (dir: string) => Number(execFileSync('du', ['-sk', dir], { encoding: 'utf8' }).split('\t')[0]);

describe('a source that has the bytes and the mtime of another one', () => {
  test('gets another name of its copy: nothing is written, nothing reserved, and the bytes count once', async () => {
    const rig = createRig({ workers: 'inline', limit: size + 1000 });
    const a = rig.source('loras/a.safetensors', size).path;
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    const before = used(join(rig.tier.dir, 'files'));
    const job = await rig.copy(b);
    expect([job.state, job.written, job.view().bytesDone]).toEqual(['done', 0, size]);
    const [one, other] = [copyOf(rig, a), copyOf(rig, b)];
    expect(inode(other.path)).toBe(inode(one.path));
    expect(other).toMatchObject({ hash: one.hash, seal: one.seal, bytes: size });
    expect(readFileSync(other.path).equals(readFileSync(b))).toBe(true);
    expect(used(join(rig.tier.dir, 'files'))).toBe(before);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(size);
    expect(rig.catalog.placements.totals('ssd')).toMatchObject({ files: 2, bytes: size, reserved: 0 });
    const proof = await rig.tier.manifestOf(other.path);
    expect(proof).toMatchObject({ source: { path: b }, seal: one.seal, hash: one.hash });
    expect(rig.catalog.usage.daily().at(-1)?.bytesCopied ?? 0).toBeLessThanOrEqual(size);
  });

  test('is known by the SHA-256 of its copy', async () => {
    const rig = createRig({ workers: 'inline' });
    // Too short for a fast disk to be judged too fast for SHA-256.
    const { path: a, bytes } = rig.source('loras/a.safetensors', chunk - 12_345);
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    expect((await rig.copy(b)).written).toBe(0);
    const proof = await rig.tier.manifestOf(copyOf(rig, b).path);
    expect(proof).toMatchObject({ source: { path: b }, sha256: createHash('sha256').update(bytes).digest('hex') });
  });

  test('even when it is read from a network, many requests at once', async () => {
    const rig = createRig({ workers: 'inline' });
    const a = rig.source('loras/a.safetensors', size).path;
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    await rig.request(b, 'wait', 'nas').ended;
    expect(inode(copyOf(rig, b).path)).toBe(inode(copyOf(rig, a).path));
  });

  test('by threads as in the daemon, when both are asked for one after the other', async () => {
    const rig = createRig();
    const a = rig.source('loras/a.safetensors', size).path;
    await rig.copy(a);
    await rig.copy(duplicate(a, 'b.safetensors'));
    expect(inode(copyOf(rig, join(a, '../b.safetensors')).path)).toBe(inode(copyOf(rig, a).path));
  });

  test.each([
    ['its last byte', size - 1],
    ['its first byte', 0],
    ['a byte where nobody samples', chunk + 200_001],
  ])('but differs in %s, is copied like any other', async (_, flip) => {
    const rig = createRig({ workers: 'inline' });
    const a = rig.source('loras/a.safetensors', size).path;
    const b = duplicate(a, 'b.safetensors', { flip });
    await rig.copy(a);
    const job = await rig.copy(b);
    expect([job.state, job.written]).toEqual(['done', size]);
    expect(inode(copyOf(rig, b).path)).not.toBe(inode(copyOf(rig, a).path));
    expect(readFileSync(copyOf(rig, b).path).equals(readFileSync(b))).toBe(true);
    expect(readFileSync(copyOf(rig, a).path).equals(readFileSync(a))).toBe(true);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(2 * size);
  });

  test('but another mtime, keeps it, in a file of its own', async () => {
    const rig = createRig({ workers: 'inline' });
    const a = rig.source('loras/a.safetensors', size).path;
    const b = duplicate(a, 'b.safetensors', { seconds: 1_600_000_000 });
    await rig.copy(a);
    await rig.copy(b);
    expect(inode(copyOf(rig, b).path)).not.toBe(inode(copyOf(rig, a).path));
    expect(statSync(copyOf(rig, b).path).mtimeMs).toBe(1_600_000_000_000);
  });

  test('is copied when the twin was damaged since, and does not spread the damage', async () => {
    const rig = createRig({ workers: 'inline' });
    const a = rig.source('loras/a.safetensors', size).path;
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    const { path } = copyOf(rig, a);
    const bytes = readFileSync(path);
    bytes[chunk + 200_001] = (bytes[chunk + 200_001] ?? 0) ^ 1;
    writeFileSync(path, bytes);
    execFileSync('touch', ['-r', a, path]);
    await rig.copy(b);
    expect(readFileSync(copyOf(rig, b).path).equals(readFileSync(b))).toBe(true);
    expect(inode(copyOf(rig, b).path)).not.toBe(inode(path));
  });

  test.each(['EPERM', 'ENOTSUP', 'EMLINK'])('is copied where there are no hard links (%s)', async (code) => {
    const rig = createRig({ workers: 'inline' });
    const a = rig.source('loras/a.safetensors', 50_000).path;
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    injectFault('linkSync', {
      act: () => {
        throw systemError(code);
      },
    });
    expect((await rig.copy(b)).state).toBe('done');
    expect(inode(copyOf(rig, b).path)).not.toBe(inode(copyOf(rig, a).path));
    expect(readFileSync(copyOf(rig, b).path).equals(readFileSync(b))).toBe(true);
  });

  test('whose twin leaves at the last moment, is copied, and the limit holds', async () => {
    const rig = createRig({ workers: 'inline' });
    const a = rig.source('loras/a.safetensors', 50_000).path;
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    const twin = copyOf(rig, a);
    const { run } = rig.workers;
    let left = false;
    const runThenLeave = async (...[order, options]: Parameters<typeof run>) => {
      const report = await run.call(rig.workers, order, options);
      if (order.kind !== 'link') return report;
      rig.catalog.copies.forget(twin.id);
      rmSync(twin.path);
      left = report !== null;
      return report;
    };
    vi.spyOn(rig.workers, 'run').mockImplementation(runThenLeave as typeof run);
    expect((await rig.copy(b)).state).toBe('done');
    expect(left).toBe(true);
    expect(readFileSync(copyOf(rig, b).path).equals(readFileSync(b))).toBe(true);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(50_000);
    expect(statSync(copyOf(rig, b).path).nlink).toBe(1);
  });
});

describe('two names of one file', () => {
  async function twins(limit?: number) {
    const rig = createRig({ workers: 'inline', ...(limit !== undefined && { limit }) });
    const a = rig.source('loras/a.safetensors', 50_000).path;
    const b = duplicate(a, 'b.safetensors');
    await rig.copy(a);
    await rig.copy(b);
    expect(inode(copyOf(rig, b).path)).toBe(inode(copyOf(rig, a).path));
    return { rig, a, b };
  }

  test('one may leave: that frees nothing, and the other one stays in service', async () => {
    const { rig, a, b } = await twins();
    const entry = rig.catalog.entries.byPath(a);
    if (!entry) throw new Error('not known');
    expect(await rig.evictor.evict(copyOf(rig, a), entry, 'evict')).toEqual({ removed: true, freed: 0 });
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(50_000);
    const { path, seal } = copyOf(rig, b);
    expect(seal && rig.tier.check(path, seal)).toBe('ok');
    expect(readFileSync(path).equals(readFileSync(b))).toBe(true);
    const other = rig.catalog.entries.byPath(b);
    if (!other) throw new Error('not known');
    expect(await rig.evictor.evict(copyOf(rig, b), other, 'evict')).toEqual({ removed: true, freed: 50_000 });
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(0);
    expect(existsSync(path)).toBe(false);
  });

  test('a lease on one keeps both when room is made, and the other can still be evicted by hand', async () => {
    const { rig, a, b } = await twins(60_000);
    rig.leases.grant(copyOf(rig, a).path, { app: 'comfyui', pid: 1 });
    const c = await rig.copy(rig.source('loras/c.safetensors', 20_000).path);
    expect(c.error).toMatchObject({ code: 'NO_SPACE' });
    expect(copyOf(rig, b).state).toBe('ready');
    const entry = rig.catalog.entries.byPath(b);
    if (!entry) throw new Error('not known');
    expect(rig.evictor.obstacle(copyOf(rig, b), entry, new Set())).toBeNull();
    expect(rig.evictor.obstacle(copyOf(rig, a), entry, new Set())).toBe('leased');
  });

  test('both leave when room is needed and nobody uses them, and no third copy leaves for bytes that count twice', async () => {
    const { rig, a, b } = await twins(100_000);
    const d = rig.source('loras/d.safetensors', 40_000).path;
    await rig.copy(d);
    rig.catalog.usage.used(rig.file(d));
    rig.catalog.usage.flush();
    const c = await rig.copy(rig.source('loras/c.safetensors', 60_000).path);
    expect(c.state).toBe('done');
    expect(() => copyOf(rig, a)).toThrow();
    expect(() => copyOf(rig, b)).toThrow();
    expect(copyOf(rig, d).state).toBe('ready');
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(100_000);
  });

  test('the name that is used more holds the file', async () => {
    const { rig, a, b } = await twins(100_000);
    const d = rig.source('loras/d.safetensors', 40_000).path;
    await rig.copy(d);
    rig.catalog.usage.used(rig.file(d));
    rig.catalog.usage.used(rig.file(b));
    rig.catalog.usage.flush();
    expect((await rig.copy(rig.source('loras/c.safetensors', 30_000).path)).state).toBe('done');
    expect(copyOf(rig, a).state).toBe('ready');
    expect(() => copyOf(rig, d)).toThrow();
  });

  test('survive a lost catalog: the sharing is known from the inodes', async () => {
    const { rig, a, b } = await twins();
    for (const path of [a, b]) rig.catalog.copies.forget(copyOf(rig, path).id);
    expect(await reconcile(rig)).toMatchObject({ adopted: 2 });
    expect(rig.catalog.placements.totals('ssd')).toMatchObject({ files: 2, bytes: 50_000 });
    expect(copyOf(rig, a).seal).toEqual(copyOf(rig, b).seal);
  });

  test('cut short between the link and its row, are both adopted', async () => {
    const { rig, a, b } = await twins();
    rig.catalog.copies.forget(copyOf(rig, b).id);
    linkSync(copyOf(rig, a).path, join(rig.tier.partialDir, `${'0'.repeat(8)}-0000-0000-0000-${'0'.repeat(12)}.leaving`));
    expect(await reconcile(rig)).toMatchObject({ adopted: 1, temps: 1, forgotten: 0 });
    expect(statSync(copyOf(rig, b).path).nlink).toBe(2);
    expect(rig.catalog.placements.usedBytes('ssd')).toBe(50_000);
  });
});
