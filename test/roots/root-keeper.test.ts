import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { createLog } from '../../src/core/log.ts';
import type { SourceState } from '../../src/core/types.ts';
import { Roots } from '../../src/roots/registry.ts';
import { RootKeeper, type RootKeeperOptions } from '../../src/roots/root-keeper.ts';
import { type SourceFile, SourceHost } from '../../src/roots/source-host.ts';
import { forkReader } from '../../src/roots/source-port.ts';
import { fill, tempTree, touch } from './temp-tree.ts';

/** A keeper beside a small catalog that learns all it is told of. */
function keeping(options: Partial<RootKeeperOptions> & { silentNas?: boolean } = {}) {
  const roots = new Roots();
  const { silentNas, ...rest } = options;
  const silent = forkReader(new URL('./readers/silent.mjs', import.meta.url));
  const host = new SourceHost({ roots, ...(silentNas && { openProcess: silent, stallMs: 0 }) });
  const known = new Map<string, SourceFile>();
  const changes: [path: string, state: SourceState['state']][] = [];
  const health: string[] = [];
  let wake = () => {};
  const keeper = new RootKeeper({
    roots,
    host,
    log: createLog({ level: 'silent', form: 'json' }),
    known: (_root, directory) => [[...known.values()].filter(({ path }) => path.startsWith(directory))],
    onChange(path, state) {
      changes.push([path, state.state]);
      if (state.state === 'present') known.set(path, { path, fingerprint: state.fingerprint });
      else known.delete(path);
      wake();
    },
    onAdded(files) {
      for (const file of files) known.set(file.path, file);
      wake();
    },
    onHealth: (root, state) => void health.push(`${state} ${root.path}`),
    rescanMs: 3_600_000,
    settleMs: 5,
    ...rest,
  });
  onTestFinished(async () => {
    await keeper[Symbol.asyncDispose]();
    await host[Symbol.asyncDispose]();
  });
  const until = async (isSo: () => boolean) => {
    while (!isSo()) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
  const add = (path: string, kind: 'hdd' | 'nas' = 'hdd', optional = false) => {
    const medium = {
      kind,
      from: 'detected',
      device: kind === 'nas' ? '//nas/x' : 'sda',
      fileSystem: 'ext4',
      resolved: path,
    } as const;
    return roots.add({ path, origin: 'config', medium, optional }).root;
  };
  return { roots, host, keeper, known, changes, health, until, add };
}

describe('walking the roots', () => {
  it('tells what came, changed and went since the catalog last looked', async () => {
    const top = tempTree({ 'same.ckpt': 'x', 'changed.ckpt': 'x', 'gone.ckpt': 'x', 'sub/touched.ckpt': 'x' });
    const { keeper, known, changes, add } = keeping();
    const root = add(top, 'nas');
    expect(await keeper.scan(root)).toMatchObject({ files: 4, bytes: 4 });
    expect(known.size).toBe(4);
    expect(changes).toEqual([]);
    writeFileSync(join(top, 'changed.ckpt'), 'longer');
    touch(join(top, 'sub/touched.ckpt'), 1);
    rmSync(join(top, 'gone.ckpt'));
    writeFileSync(join(top, 'new.ckpt'), 'x');
    await keeper.scan();
    expect(changes.sort()).toEqual([
      [join(top, 'changed.ckpt'), 'present'],
      [join(top, 'gone.ckpt'), 'missing'],
      [join(top, 'sub/touched.ckpt'), 'present'],
    ]);
    expect(known.has(join(top, 'new.ckpt'))).toBe(true);
    changes.length = 0;
    await keeper.scan();
    expect(changes).toEqual([]);
    expect(keeper.health(root)).toEqual({ health: 'ok', why: null, files: 4 });
  });

  it('adds the roots up, and leaves those that are away out', async () => {
    const top = tempTree({ 'a/1.ckpt': 'x', 'b/2.ckpt': 'xx' });
    const { keeper, add } = keeping();
    for (const name of ['a', 'b', 'gone']) add(join(top, name));
    expect(await keeper.scan()).toMatchObject({ files: 2, bytes: 3 });
  });

  it('is done once for all who ask at once', async () => {
    const { keeper, add } = keeping();
    const root = add(tempTree({ 'a.ckpt': 'x' }));
    const [one, two] = [keeper.scan(root), keeper.scan(root)];
    expect(one).toBe(two);
    await one;
  });

  it('does not call a file deleted that stands behind a second link, or behind one that leads nowhere', async () => {
    const top = tempTree({
      'models/real/a.ckpt': 'x',
      'models/again': '-> real',
      'out/b.ckpt': 'x',
      'models/b.ckpt': '-> ../out/b.ckpt',
    });
    const { keeper, known, changes, add } = keeping();
    const root = add(join(top, 'models'));
    await keeper.scan(root);
    const [file] = known.values();
    const path = join(top, 'models/again/a.ckpt');
    known.set(path, { path, fingerprint: file?.fingerprint ?? { size: 0, mtimeNs: '0', ino: null } });
    rmSync(join(top, 'out'), { recursive: true });
    await keeper.scan(root);
    expect(changes.filter(([, state]) => state === 'missing')).toEqual([]);
  });
});

describe('an outage', () => {
  it('is no deletion: an emptied mount point takes nothing from the catalog', async () => {
    const top = tempTree({ 'nas/a.ckpt': 'x', 'nas/b.ckpt': 'x' });
    const nas = join(top, 'nas');
    const { keeper, known, changes, health, add } = keeping();
    const root = add(nas, 'nas');
    await keeper.look();
    renameSync(nas, join(top, 'unmounted'));
    mkdirSync(nas);
    await keeper.look();
    await expect(keeper.scan(root)).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
    expect({ changes, files: known.size }).toEqual({ changes: [], files: 2 });
    expect(keeper.health(root)).toMatchObject({ health: 'away', why: expect.stringContaining('empty') });
    rmSync(nas, { recursive: true });
    renameSync(join(top, 'unmounted'), nas);
    rmSync(join(nas, 'b.ckpt'));
    await keeper.look();
    expect(health).toEqual([`ok ${nas}`, `away ${nas}`, `ok ${nas}`]);
    expect(changes).toEqual([[join(nas, 'b.ckpt'), 'missing']]);
  });

  it('of a NAS that hangs is told in bounded time, and the other roots are walked', async () => {
    const top = tempTree({ 'local/a.ckpt': 'x', 'nas/b.ckpt': 'x' });
    const { keeper, host, health, known, add } = keeping({ silentNas: true });
    const nas = add(join(top, 'nas'), 'nas');
    add(join(top, 'local'));
    // Somebody asked with less patience, and got no answer: from then on nobody waits.
    await host.identify(nas, { deadlineMs: 30 });
    await keeper.look();
    expect(health.sort()).toEqual([`away ${join(top, 'nas')}`, `ok ${join(top, 'local')}`]);
    expect(known.size).toBe(1);
  });

  it('ends when known files stand unchanged on what was mounted instead', async () => {
    const top = tempTree({ 'a.ckpt': 'x', 'b.ckpt': 'x' });
    const { keeper, host, changes, add } = keeping();
    const root = add(top, 'nas');
    await keeper.look();
    host.trust(root, { device: 'another', type: 1, bytes: 1 });
    rmSync(join(top, 'b.ckpt'));
    await keeper.scan(root);
    expect(changes).toEqual([[join(top, 'b.ckpt'), 'missing']]);
  });

  it('stays one when nothing that is known stands there', async () => {
    const top = tempTree({ 'a.ckpt': 'x' });
    const { keeper, host, changes, add } = keeping();
    const root = add(top, 'nas');
    await keeper.look();
    host.trust(root, { device: 'another', type: 1, bytes: 1 });
    renameSync(join(top, 'a.ckpt'), join(top, 'README.txt'));
    await expect(keeper.scan(root)).rejects.toMatchObject({ code: 'SOURCE_AWAY' });
    expect(changes).toEqual([]);
  });

  it('is not what a ComfyUI folder is in that was never made', async () => {
    const { keeper, health, add } = keeping();
    const root = add(join(tempTree(), 'output/loras'), 'hdd', true);
    await keeper.look();
    expect(keeper.health(root).health).toBe('unknown');
    expect(health).toEqual([]);
    fill(dirname(root.path), { 'loras/a.ckpt': 'x' });
    await keeper.look();
    expect(keeper.health(root)).toMatchObject({ health: 'ok', files: 1 });
  });
});

describe('watching local roots', () => {
  it('tells of changes without a walk', async () => {
    const top = tempTree({ 'a.ckpt': 'x', 'sub/b.ckpt': 'x' });
    const { keeper, known, changes, until, add } = keeping();
    await keeper.scan(add(top));
    writeFileSync(join(top, 'sub/b.ckpt'), 'longer');
    await until(() => changes.some(([path]) => path === join(top, 'sub/b.ckpt')));
    unlinkSync(join(top, 'a.ckpt'));
    await until(() => changes.some(([path, state]) => path === join(top, 'a.ckpt') && state === 'missing'));
    fill(top, { 'new/deep/c.ckpt': 'x' });
    await until(() => known.has(join(top, 'new/deep/c.ckpt')));
    rmSync(join(top, 'new'), { recursive: true });
    await until(() => !known.has(join(top, 'new/deep/c.ckpt')));
    expect(known.size).toBe(1);
  });

  it('starts by itself and ends with the keeper', async () => {
    const top = tempTree({ 'a.ckpt': 'x' });
    const { keeper, known, until, add } = keeping();
    add(top);
    keeper.start();
    await until(() => known.size === 1);
    await keeper[Symbol.asyncDispose]();
  });
});

describe.runIf(process.platform === 'linux')('a link to another volume', () => {
  it('makes a root of what it leads to, so that its outage is one', async () => {
    const volume = mkdtempSync('/dev/shm/autocached-');
    onTestFinished(() => rmSync(volume, { recursive: true }));
    fill(volume, { 'models/b.ckpt': 'x' });
    const top = tempTree({ 'loras/a.ckpt': 'x' });
    symlinkSync(join(volume, 'models'), join(top, 'loras/nas'));
    symlinkSync(join(volume, 'models/b.ckpt'), join(top, 'loras/one.ckpt'));
    const found: string[] = [];
    const { roots, keeper, known, changes, add } = keeping({ onRoot: (root) => void found.push(root.path) });
    add(top);
    await keeper.look();
    expect(found).toEqual([join(top, 'loras/nas')]);
    expect([...known.keys()].sort()).toEqual(
      ['loras/a.ckpt', 'loras/nas/b.ckpt', 'loras/one.ckpt'].map((name) => join(top, name)),
    );
    expect(roots.find(join(top, 'loras/nas/b.ckpt'))).toMatchObject({ category: 'loras', root: { device: 'memory' } });
    rmSync(join(volume, 'models'), { recursive: true });
    await keeper.scan();
    expect(changes).toEqual([]);
    expect(known.size).toBe(3);
  });
});
