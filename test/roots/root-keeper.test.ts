import { mkdtempSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { CacheError } from '../../src/core/errors.ts';
import type { RootState } from '../../src/sources/client.ts';
import { readerIn } from '../../src/sources/pool.ts';
import type { OpenReader } from '../../src/sources/rpc.ts';
import { fingerprintOf } from '../helpers/files.ts';
import { fill, tempTree, touch } from '../sources/temp-tree.ts';
import { keeping } from './keeping.ts';

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

  it('does not ask for files of a root inside another one when it walks that one', async () => {
    const top = tempTree({ 'a.ckpt': 'x', 'loras/b.ckpt': 'x' });
    const { keeper, changes, known, add } = keeping();
    const outer = add(top);
    add(join(top, 'loras'));
    await keeper.scan();
    expect(known.size).toBe(2);
    rmSync(join(top, 'loras/b.ckpt'));
    fill(top, { 'loras/c.ckpt': 'x' });
    await keeper.scan(outer);
    expect(changes).toEqual([]);
  });

  it('fails when the catalog does, and the daemon goes on', async () => {
    const top = tempTree({ 'a.ckpt': 'x' });
    let fails = true;
    const { keeper, known, add } = keeping({
      onChange() {
        if (fails) throw new Error('database is full');
      },
    });
    const path = join(top, 'a.ckpt');
    known.set(path, { path, fingerprint: { size: 2, mtimeNs: '0', ino: null } });
    const root = add(top, 'nas');
    await expect(keeper.scan(root)).rejects.toThrow('database is full');
    fails = false;
    expect(await keeper.scan(root)).toMatchObject({ files: 1 });
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
      'models/one': '-> ../shared',
      'models/two': '-> ../shared',
      'shared/a.ckpt': 'x',
      'out/b.ckpt': 'x',
      'models/b.ckpt': '-> ../out/b.ckpt',
    });
    const { keeper, known, changes, add } = keeping();
    const root = add(join(top, 'models'));
    await keeper.scan(root);
    const shared = [...known.values()].find(({ path }) => path.endsWith('a.ckpt'));
    for (const name of ['one', 'two']) {
      const path = join(top, 'models', name, 'a.ckpt');
      known.set(path, { path, fingerprint: shared?.fingerprint ?? { size: 0, mtimeNs: '0', ino: null } });
    }
    rmSync(join(top, 'out'), { recursive: true });
    await keeper.scan(root);
    expect(changes).toEqual([]);
    expect(known.size).toBe(3);
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

  it('is taken up again when its thread has ended, with what was missed', async () => {
    const top = tempTree({ 'a.ckpt': 'x' });
    let crash = () => {};
    const openThread: OpenReader = (listener) => {
      const reader = readerIn('thread')(listener);
      crash = () => {
        reader.kill(new CacheError('SOURCE_AWAY', 'crashed'));
        listener.onExit('crashed');
      };
      return reader;
    };
    const { keeper, known, until, add } = keeping({ openThread, pauseMs: { first: 0, longest: 0 } });
    add(top);
    await keeper.look();
    crash();
    fill(top, { 'b.ckpt': 'x' });
    await keeper.look();
    expect(known.has(join(top, 'b.ckpt'))).toBe(true);
    fill(top, { 'c.ckpt': 'x' });
    await until(() => known.has(join(top, 'c.ckpt')));
  });

  it('ends for a root that became another name of one', async () => {
    const top = tempTree({ 'nas/a.ckpt': 'x', link: '-> nas' });
    const { roots, keeper, known, until, add } = keeping();
    add(join(top, 'link'));
    await keeper.look();
    roots.addAlias(join(top, 'link'), join(top, 'nas'));
    await keeper.look();
    fill(top, { 'nas/b.ckpt': 'x' });
    await until(() => known.has(join(top, 'nas/b.ckpt')));
    expect(known.has(join(top, 'link/b.ckpt'))).toBe(false);
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
    const { roots, keeper, known, changes, add } = keeping();
    const path = join(top, 'loras/one.ckpt');
    known.set(path, { path, fingerprint: fingerprintOf(path) });
    add(top);
    await keeper.look();
    expect(changes).toEqual([]);
    expect(roots.list().map((root) => root.path)).toEqual([top, join(top, 'loras/nas')]);
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

describe('a root that was ok and does not answer', () => {
  it('is said to be silent from the first second on, until it is away or answers', async () => {
    let ms = 0;
    const { keeper, host, add } = keeping({ clock: { now: () => ms, monotonic: () => ms } });
    const root = add(tempTree({ 'a.ckpt': 'x' }), 'nas');
    await keeper.check(root);
    expect(keeper.health(root)).toMatchObject({ health: 'ok', why: null });
    const answer = Promise.withResolvers<RootState>();
    vi.spyOn(host, 'identify').mockReturnValue(answer.promise);
    const checks = [keeper.check(root), keeper.look()];
    ms += 999;
    expect(keeper.health(root)).toMatchObject({ health: 'ok', why: null });
    ms += 2500;
    expect(keeper.health(root)).toMatchObject({ health: 'ok', why: 'no answer for 3 s' });
    answer.resolve({ state: 'away', why: 'no answer within 10000 ms', facts: null });
    await Promise.all(checks);
    expect(keeper.health(root)).toMatchObject({ health: 'away', why: 'no answer within 10000 ms' });
  });
});
