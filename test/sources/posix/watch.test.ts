import { appendFileSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { type Machine, thisMachine } from '../../../src/media/machine.ts';
import { DirectoryWatch } from '../../../src/sources/drivers/posix/watch.ts';
import { fill, tempTree } from '../temp-tree.ts';

/** A watch whose reports can be waited for. */
async function watching(root: string, options: { skip?: string[]; machine?: Machine; settleMs?: number } = {}) {
  let seen = new Set<string>();
  let wake = () => {};
  const troubles: string[] = [];
  const watch = new DirectoryWatch(root, {
    machine: options.machine ?? thisMachine(),
    skip: new Set(options.skip),
    settleMs: options.settleMs ?? 5,
    onChanged(directories) {
      for (const directory of directories) seen.add(directory);
      wake();
    },
    onTrouble: (message) => troubles.push(message),
  });
  onTestFinished(() => watch.close());
  const directories = await watch.start();
  /** Resolves when all of these directories were reported, and forgets what was. */
  const reported = async (...wanted: string[]) => {
    while (wanted.some((name) => !seen.has(join(root, name)))) {
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
    const all = seen;
    seen = new Set();
    return all;
  };
  return { directories, reported, troubles };
}

describe('watching a local root', () => {
  it('tells in which directory a file came, changed or went', async () => {
    const root = tempTree({ 'loras/a.safetensors': 'x', 'vae/b.safetensors': 'x' });
    const { reported, directories } = await watching(root);
    if (process.platform === 'linux') expect(directories).toBe(3);
    writeFileSync(join(root, 'loras/new.safetensors'), 'x');
    expect(await reported('loras')).not.toContain(join(root, 'vae'));
    writeFileSync(join(root, 'vae/b.safetensors'), 'longer');
    await reported('vae');
    rmSync(join(root, 'loras/a.safetensors'));
    await reported('loras');
  });

  it('goes on in directories that come later, with what is already in them', async () => {
    const root = tempTree({ a: null });
    const { reported } = await watching(root);
    mkdirSync(join(root, 'new/deep'), { recursive: true });
    await reported('new', 'new/deep');
    writeFileSync(join(root, 'new/deep/x.ckpt'), 'x');
    await reported('new/deep');
    const outside = tempTree({ 'moved/in/x.ckpt': 'x' });
    renameSync(join(outside, 'moved'), join(root, 'moved'));
    await reported('moved', 'moved/in');
  });

  it('is not left with a directory that was replaced by another of its name', async () => {
    const root = tempTree({ 'loras/sub/a.ckpt': 'x' });
    const { reported } = await watching(root);
    renameSync(join(root, 'loras'), join(root, '..', 'elsewhere-of-this-test'));
    onTestFinished(() => rmSync(join(root, '..', 'elsewhere-of-this-test'), { recursive: true }));
    fill(root, { 'loras/sub/b.ckpt': 'x' });
    await reported('loras', 'loras/sub');
    writeFileSync(join(root, 'loras/sub/c.ckpt'), 'x');
    await reported('loras/sub');
  });

  it('says nothing of unfinished downloads', async () => {
    const root = tempTree({ 'a/x.ckpt': 'x', b: null });
    const { reported } = await watching(root);
    writeFileSync(join(root, 'a/y.ckpt.part'), 'x');
    writeFileSync(join(root, 'b/y.ckpt'), 'x');
    expect(await reported('b')).not.toContain(join(root, 'a'));
    renameSync(join(root, 'a/y.ckpt.part'), join(root, 'a/y.ckpt'));
    await reported('a');
  });

  describe('a file that is being written', () => {
    /** Appends to a file all the time until the test ends. */
    const write = (path: string) => {
      const timer = setInterval(() => appendFileSync(path, 'x'), 5);
      onTestFinished(() => clearInterval(timer));
    };

    it('does not have its directory reported again and again, and no other directory wait for it', async () => {
      const root = tempTree({ a: null, b: null });
      const { reported } = await watching(root, { settleMs: 300 });
      write(join(root, 'a/big.ckpt'));
      let reports = 0;
      for (let round = 0; round < 3; round++) {
        writeFileSync(join(root, 'b/x.ckpt'), `${round}`);
        if ((await reported('b')).has(join(root, 'a'))) reports++;
      }
      expect(reports).toBeLessThan(3);
    });

    it('is not kept back for ever', async () => {
      const root = tempTree({ a: null });
      const { reported } = await watching(root, { settleMs: 50 });
      write(join(root, 'a/big.ckpt'));
      await reported('a');
    });
  });

  it.runIf(process.platform === 'linux')('stays out of roots of their own and of other volumes', async () => {
    const root = tempTree({ 'own/x': 'x', 'nas/x': 'x', 'a/x': 'x' });
    const machine = thisMachine();
    const volumeOf = (path: string) =>
      path.startsWith(join(root, 'nas')) ? { id: 'nas', network: true } : machine.volumeOf(path);
    const { directories } = await watching(root, { skip: [join(root, 'own')], machine: { ...machine, volumeOf } });
    expect(directories).toBe(2);
  });

  it('says that a root which is not there is not watched', async () => {
    const { troubles } = await watching(join(tempTree(), 'gone'));
    expect(troubles).toHaveLength(1);
  });
});
