import { chmodSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Machine, thisMachine } from '../../../src/media/machine.ts';
import type { FileBatch } from '../../../src/sources/driver.ts';
import { type WalkOptions, walk } from '../../../src/sources/drivers/posix/walk.ts';
import { tempTree } from '../temp-tree.ts';

async function walked(root: string, options: Partial<WalkOptions> = {}) {
  const batches: FileBatch[] = [];
  const onBatch = (batch: FileBatch) => batches.push(batch);
  const result = await walk(root, { machine: thisMachine(), onBatch, ...options });
  return { ...result, batches, rels: batches.flatMap((batch) => batch.rels).sort() };
}

/** This machine, with some folders standing for volumes of their own. */
function withVolumes(volumes: Record<string, { network: boolean }>): Machine {
  const own = thisMachine();
  const volumeOf = (path: string) => {
    const mountPoint = Object.keys(volumes).find((point) => path === point || path.startsWith(`${point}/`));
    return mountPoint === undefined ? own.volumeOf(path) : { id: mountPoint, network: volumes[mountPoint]?.network ?? false };
  };
  return { ...own, volumeOf };
}

describe('walking a root', () => {
  it('finds the models with what tells them apart, and none of what is not one', async () => {
    const root = tempTree({
      'checkpoints/a.safetensors': 'aaaa',
      'loras/x/y/b.safetensors': 'b',
      put_checkpoints_here: '',
      'checkpoints/.hidden': 'x',
      'checkpoints/c.safetensors.part': 'x',
      'checkpoints/d.safetensors.crdownload': 'x',
      '.git/objects/ab': 'x',
      'lost+found/x': 'x',
      '@eaDir/x': 'x',
    });
    const { rels, batches, files, bytes, directories } = await walked(root, { stableInodes: true });
    expect(rels).toEqual(['checkpoints/a.safetensors', 'loras/x/y/b.safetensors', 'put_checkpoints_here']);
    expect({ files, bytes, directories: directories.length }).toEqual({ files: 3, bytes: 5, directories: 5 });
    const [batch] = batches;
    const index = batch?.rels.indexOf('checkpoints/a.safetensors') ?? -1;
    const stats = statSync(join(root, 'checkpoints/a.safetensors'), { bigint: true });
    expect([batch?.sizes[index], batch?.mtimesNs[index], batch?.inos?.[index]]).toEqual([4, stats.mtimeNs, stats.ino]);
    expect((await walked(root)).batches[0]?.inos).toBeNull();
  });

  it('finds 5,000 files in batches that stay small, each only after the one before was taken', async () => {
    const root = tempTree();
    for (let directory = 0; directory < 50; directory++) {
      mkdirSync(join(root, `d${directory}`));
      for (let file = 0; file < 100; file++) writeFileSync(join(root, `d${directory}`, `${file}.safetensors`), '');
    }
    let taking = 0;
    const { files, rels, batches } = await walked(root);
    expect({ files, different: new Set(rels).size }).toEqual({ files: 5_000, different: 5_000 });
    expect(Math.max(...batches.map((batch) => batch.rels.length))).toBeLessThanOrEqual(250);
    await walked(root, {
      async onBatch() {
        expect(++taking).toBe(1);
        await new Promise((resolve) => setImmediate(resolve));
        taking--;
      },
    });
  });

  it('lets other work in', async () => {
    const root = tempTree(Object.fromEntries(Array.from({ length: 1_500 }, (_, index) => [`${index}.ckpt`, ''])));
    let turns = 0;
    const ticking = setInterval(() => turns++, 1);
    await walked(root);
    clearInterval(ticking);
    expect(turns).toBeGreaterThan(0);
  });

  it('looks at one directory only when told so', async () => {
    const root = tempTree({ 'a.ckpt': 'x', 'sub/b.ckpt': 'x', 'elsewhere/c.ckpt': 'x', link: '-> elsewhere' });
    expect((await walked(root, { recursive: false })).rels).toEqual(['a.ckpt']);
  });

  it('leaves roots of their own out', async () => {
    const root = tempTree({ 'a.ckpt': 'x', 'loras/b.ckpt': 'x' });
    expect((await walked(root, { skip: new Set([join(root, 'loras')]) })).rels).toEqual(['a.ckpt']);
  });

  it('ends when it is cancelled', async () => {
    const root = tempTree({ 'a/b.ckpt': 'x' });
    await expect(walked(root, { signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' });
  });

  it('fails when the root itself cannot be read, which is no empty root', async () => {
    await expect(walked(join(tempTree(), 'gone'))).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

describe('links below a root', () => {
  it('are followed, and loops of them end', async () => {
    const top = tempTree({
      'models/a.ckpt': 'x',
      'models/up': '-> ..',
      'models/self': '-> .',
      'models/sub/back': '-> ../../models',
      'models/x/y': '-> ../z',
      'models/z/x': '-> ../x',
      'models/out': '-> ../outside',
      'outside/b.ckpt': 'x',
      'models/file.ckpt': '-> ../outside/b.ckpt',
    });
    const { rels, failures } = await walked(join(top, 'models'));
    expect(rels).toContain('a.ckpt');
    expect(rels).toContain('file.ckpt');
    expect(rels).toContain('out/b.ckpt');
    expect(failures).toEqual([]);
    expect(new Set(rels).size).toBe(rels.length);
    expect(rels.filter((rel) => rel.endsWith('a.ckpt'))).toEqual(['a.ckpt']);
  });

  it('lead to one directory by several names without end, yet each name once', async () => {
    const root = tempTree({ 'real/a.ckpt': 'x', one: '-> real', two: '-> real', 'real/again': '-> ../one' });
    const { rels } = await walked(root);
    expect(rels).toContain('real/a.ckpt');
    expect(rels.length).toBeLessThanOrEqual(3);
  });

  it('that lead nowhere are reported: what they led to may only be away', async () => {
    const root = tempTree({ 'a.ckpt': 'x', 'b.ckpt': '-> /nowhere/b.ckpt', 'c.ckpt': '-> c.ckpt' });
    const { rels, failures } = await walked(root);
    expect(rels).toEqual(['a.ckpt']);
    expect(failures).toContainEqual({ path: join(root, 'b.ckpt'), code: 'ENOENT' });
    expect(failures).toContainEqual({ path: join(root, 'c.ckpt'), code: 'ELOOP' });
  });

  it('and mounts that lead to other volumes are reported and not touched', async () => {
    const top = tempTree({
      'models/a.ckpt': 'x',
      'models/nas': '-> ../share/loras',
      'models/one.ckpt': '-> ../share/one.ckpt',
      'models/usb': '-> ../disk',
      'models/mounted/c.ckpt': 'x',
      'share/loras/b.ckpt': 'x',
      'share/one.ckpt': 'x',
      'disk/d.ckpt': 'x',
    });
    const volumes = {
      [join(top, 'share')]: { network: true },
      [join(top, 'disk')]: { network: false },
      [join(top, 'models/mounted')]: { network: true },
    };
    const { rels, foreign } = await walked(join(top, 'models'), { machine: withVolumes(volumes) });
    expect(rels).toEqual(['a.ckpt']);
    expect(foreign.sort()).toEqual(['mounted', 'nas', 'one.ckpt', 'usb'].map((name) => join(top, 'models', name)));
  });

  it('are seen through when the root itself is reached by one', async () => {
    const top = tempTree({ 'real/models/mounted/a.ckpt': 'x', 'real/models/b.ckpt': 'x', link: '-> real' });
    const machine = withVolumes({ [join(top, 'real/models/mounted')]: { network: true } });
    const { rels, foreign } = await walked(join(top, 'link/models'), { machine });
    expect({ rels, foreign }).toEqual({ rels: ['b.ckpt'], foreign: [join(top, 'link/models/mounted')] });
  });
});

describe('what cannot be read', () => {
  // Root may read everything, and Windows has other rights.
  it.skipIf(process.getuid?.() === 0 || process.platform === 'win32')('is reported and does not look deleted', async () => {
    const root = tempTree({ 'a.ckpt': 'x', 'locked/b.ckpt': 'x' });
    chmodSync(join(root, 'locked'), 0);
    const { rels, failures } = await walked(root);
    chmodSync(join(root, 'locked'), 0o700);
    expect(rels).toEqual(['a.ckpt']);
    expect(failures).toEqual([{ path: join(root, 'locked'), code: 'EACCES' }]);
  });

  it('does not end the walk when it is a directory that went while the walk was on', async () => {
    const names = ['a', 'b', 'c'].flatMap((name) => Array.from({ length: 260 }, (_, index) => `${name}/${index}.ckpt`));
    const root = tempTree(Object.fromEntries(names.map((name) => [name, ''])));
    const seen: string[] = [];
    const { failures } = await walked(root, {
      onBatch(batch) {
        seen.push(...batch.rels);
        for (const name of ['a', 'b', 'c']) rmSync(join(root, name), { recursive: true, force: true });
      },
    });
    expect(new Set(seen.map((name) => name[0])).size).toBe(1);
    expect(failures.map(({ code }) => code)).toEqual(['ENOENT', 'ENOENT']);
  });
});
