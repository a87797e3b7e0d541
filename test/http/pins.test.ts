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

test('a category is pinned with the files that come later, together with single files', async () => {
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

test('a glob may name the category, and be pinned before any file is there; to unpin one that holds for nothing is refused', async () => {
  const { run, pinned, comes } = await warmed();
  expect((await run('pin', 'vae/x*')).code).toBe(0);
  await comes('vae/x1.safetensors');
  expect(await pinned()).toEqual(['x1.safetensors']);
  expect((await run('unpin', 'nothing*')).code).not.toBe(0);
  expect((await run('pin')).code).toBe(2);
});
