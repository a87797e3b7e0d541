import { join } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';

async function warmed() {
  const daemon = await runDaemon({
    'checkpoints/flux-dev.safetensors': 3000,
    'checkpoints/sdxl.safetensors': 2000,
    'loras/a.safetensors': 500,
  });
  const run = (...args: string[]) => runCli(args, { stateDir: daemon.stateDir, cwd: daemon.root });
  expect((await run('warm', 'checkpoints', 'loras')).code).toBe(0);
  const pinned = async () => {
    const { entries } = await daemon.client.entries({ pinned: true, sort: 'name' });
    return entries.map(({ path }) => path.split(/[\\/]/).at(-1));
  };
  const comes = async (rel: string) => {
    writeModel(join(daemon.root, rel), 700);
    expect((await run('warm', rel)).code).toBe(0);
  };
  return { ...daemon, run, pinned, comes };
}

test('a glob is pinned with the files that come later, is listed, and can be taken back', async () => {
  const { run, pinned, comes } = await warmed();
  expect((await run('pin', 'flux*')).out).toContain('pinned flux* with all files that are added to it later\npinned 1 file');
  await comes('loras/flux-style.safetensors');
  await comes('loras/other.safetensors');
  expect(await pinned()).toEqual(['flux-dev.safetensors', 'flux-style.safetensors']);
  expect((await run('evict', 'checkpoints/flux-dev.safetensors')).out).toContain('pinned');
  expect((await run('pin', '--list')).out).toContain('glob      flux*');
  expect((await run('unpin', 'flux*')).code).toBe(0);
  await comes('loras/flux-more.safetensors');
  expect(await pinned()).toEqual([]);
  expect((await run('pin', '--list')).out).not.toContain('flux*');
});

test('a category is pinned with the files that come later, together with single files', { tags: 'slow' }, async () => {
  const { run, pinned, comes } = await warmed();
  expect((await run('pin', '--category', 'loras', 'checkpoints/sdxl.safetensors')).code).toBe(0);
  await comes('loras/b.safetensors');
  await comes('checkpoints/c.safetensors');
  expect(await pinned()).toEqual(['sdxl.safetensors', 'a.safetensors', 'b.safetensors']);
  const { out } = await run('pin', '--list', '--json');
  expect(JSON.parse(out)).toEqual({ directories: [], globs: [], categories: ['loras'] });
  await run('unpin', '--category', 'loras');
  await comes('loras/c.safetensors');
  expect(await pinned()).toEqual(['sdxl.safetensors']);
});

test('a glob that is taken back takes no file along that is pinned by its name, and says which stay', {
  tags: 'slow',
}, async () => {
  const { run, pinned, restart } = await warmed();
  expect((await run('pin', 'checkpoints/flux-dev.safetensors')).code).toBe(0);
  expect((await run('pin', 'checkpoints/*')).code).toBe(0);
  expect((await run('pin', '--category', 'checkpoints')).code).toBe(0);
  expect(await pinned()).toEqual(['flux-dev.safetensors', 'sdxl.safetensors']);
  // The category holds both.
  const first = await run('unpin', 'checkpoints/*');
  expect(first.out).toMatch(/\nstill pinned, by name or by another rule: .*flux-dev.safetensors, .*sdxl.safetensors$/m);
  expect(await pinned()).toEqual(['flux-dev.safetensors', 'sdxl.safetensors']);
  await restart();
  const second = await run('unpin', '--category', 'checkpoints');
  expect(second.out).toMatch(
    /unpinned 1 file, .*\n.*sdxl.safetensors\nstill pinned, by name or by another rule: \S*flux-dev.safetensors$/m,
  );
  expect(await pinned()).toEqual(['flux-dev.safetensors']);
  // Now it is no rule, and chooses files.
  expect((await run('unpin', 'checkpoints/*')).code).toBe(0);
  expect(await pinned()).toEqual([]);
  expect(JSON.parse((await run('pin', '--list', '--json')).out)).toEqual({ directories: [], globs: [], categories: [] });
});

test('a directory that is unpinned leaves what is pinned by name, or by a glob', async () => {
  const { run, pinned } = await warmed();
  for (const what of ['checkpoints/flux-dev.safetensors', 'a.safe*', 'checkpoints', 'loras']) await run('pin', what);
  expect(await pinned()).toEqual(['flux-dev.safetensors', 'sdxl.safetensors', 'a.safetensors']);
  const { out } = await run('unpin', 'checkpoints', 'loras');
  expect(out).toMatch(/still pinned, by name or by another rule: \S*flux-dev.safetensors, \S*a.safetensors/);
  expect(await pinned()).toEqual(['flux-dev.safetensors', 'a.safetensors']);
});

test('a glob may name the category, and be pinned before any file is there; to unpin one that holds for nothing is refused', async () => {
  const { run, pinned, comes } = await warmed();
  expect((await run('pin', 'vae/x*')).code).toBe(0);
  await comes('vae/x1.safetensors');
  expect(await pinned()).toEqual(['x1.safetensors']);
  expect((await run('unpin', 'nothing*')).code).not.toBe(0);
  expect((await run('pin')).code).toBe(2);
});
