import { mkdirSync, renameSync, writeFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { writeModel } from '../helpers/files.ts';

/** A model that is a directory, as diffusers and Hugging Face have them, and a file beside it whose name begins alike. */
const files = {
  'diffusers/flux/unet/model.safetensors': 3000,
  'diffusers/flux/vae/model.safetensors': 2000,
  'diffusers/flux/model_index.json': 100,
  'diffusers/flux-2.safetensors': 500,
};

async function warmed() {
  const daemon = await runDaemon(files);
  const run = (...args: string[]) => runCli(args, { stateDir: daemon.stateDir, cwd: daemon.root });
  expect((await run('warm', 'diffusers')).code).toBe(0);
  const pinned = async () => {
    const { entries } = await daemon.client.entries({ pinned: true, sort: 'name' });
    return entries.map(({ name }) => name.split(sep).join('/').slice('diffusers/'.length));
  };
  return { ...daemon, run, pinned };
}

test('pin of a directory pins all below it, also what appears there later and what is not read before', async () => {
  const { run, pinned, root } = await warmed();
  const { code, out } = await run('pin', 'diffusers/flux');
  expect(code).toBe(0);
  expect(out).toContain('with all files that are added to it later\npinned 3 files, 4.98 KiB');
  expect(await pinned()).toEqual(['flux/model_index.json', 'flux/unet/model.safetensors', 'flux/vae/model.safetensors']);
  writeModel(join(root, 'diffusers/flux/text_encoder/model.safetensors'), 700);
  writeModel(join(root, 'diffusers/flux2/model.safetensors'), 700);
  await run('warm', 'diffusers');
  expect(await pinned()).toContain('flux/text_encoder/model.safetensors');
  expect(await pinned()).toHaveLength(4);
  expect((await run('evict', 'diffusers/flux')).out).toContain('pinned');
  expect((await run('warm', 'diffusers/flux', '--check')).code).toBe(0);
});

test('unpin of a directory ends it for what is there and for what comes', async () => {
  const { run, pinned, root } = await warmed();
  await run('pin', 'diffusers');
  expect(await pinned()).toHaveLength(4);
  await run('unpin', 'diffusers');
  writeModel(join(root, 'diffusers/flux/new.safetensors'), 700);
  await run('warm', 'diffusers');
  expect(await pinned()).toEqual([]);
});

test('unpin of one file of a pinned directory is kept, also when the file is copied again', { tags: 'slow' }, async () => {
  const { run, pinned } = await warmed();
  await run('pin', 'diffusers/flux');
  await run('unpin', 'diffusers/flux/vae/model.safetensors');
  await run('evict', 'diffusers/flux/vae/model.safetensors');
  await run('warm', 'diffusers');
  expect(await pinned()).toEqual(['flux/model_index.json', 'flux/unet/model.safetensors']);
});

test('evict of a directory deletes the copies below it and no others, and no source', async () => {
  const { run } = await warmed();
  const { code, out } = await run('evict', 'diffusers/flux');
  expect(code).toBe(0);
  expect(out).toContain('deleted 3 copies');
  expect((await run('warm', 'diffusers/flux-2.safetensors', '--check')).code).toBe(0);
  expect((await run('warm', 'diffusers', '--check')).out).toContain('1 of 4 files ready');
});

test('a directory whose disk is away is known by the separator at its end', async () => {
  const { run, root, pinned } = await warmed();
  renameSync(join(root, 'diffusers'), join(root, 'hidden'));
  expect((await run('pin', './diffusers/flux/')).code).toBe(0);
  expect(await pinned()).toHaveLength(3);
});

test('a directory above the roots counts for all of them; one beside them is refused', async () => {
  const { run, dir, pinned } = await warmed();
  expect((await run('pin', dir)).code).toBe(0);
  expect(await pinned()).toHaveLength(4);
  mkdirSync(join(dir, 'elsewhere'));
  writeFileSync(join(dir, 'elsewhere/a.safetensors'), 'x');
  const { code, err } = await run('pin', join(dir, 'elsewhere'));
  expect(code).toBe(1);
  expect(err).toContain('is not inside a configured model folder');
});
