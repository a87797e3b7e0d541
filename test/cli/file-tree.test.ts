import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { filesBelow } from '../../src/cli/file-tree.ts';

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'autocached-tree-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

async function listing(): Promise<string[]> {
  return filesBelow(root, (path, error) => expect.fail(`${path}: ${error}`));
}

test('a directory stands for every model below it, and not for what tools keep or have not finished there', async () => {
  await mkdir(join(root, 'loras', 'SDXL'), { recursive: true });
  await mkdir(join(root, '.git'));
  for (const name of ['loras/SDXL/b.safetensors', 'a.ckpt', '.git/pack', '.DS_Store', 'b.ckpt.part'])
    await writeFile(join(root, name), 'x');
  // FreeFileSync, MinIO, yt-dlp, gdown, an editor, and programs that nobody has heard of.
  for (const rest of ['.1a2b.ffs_tmp', '.part.minio', '.part-Frag12', 'a1b2_3d4tmp', '~', '.inprogress', '.x'])
    await writeFile(join(root, `loras/c.safetensors${rest}`), 'x');
  expect(await listing()).toEqual([join(root, 'a.ckpt'), join(root, 'loras', 'SDXL', 'b.safetensors')]);
});

test.skipIf(process.platform === 'win32')('linked files and directories count, and a link in a circle ends', async () => {
  await mkdir(join(root, 'real'));
  await writeFile(join(root, 'real', 'a.ckpt'), 'x');
  await symlink(join(root, 'real', 'a.ckpt'), join(root, 'linked.ckpt'));
  await symlink(root, join(root, 'real', 'circle'));
  await symlink(join(root, 'gone'), join(root, 'dangling.ckpt'));
  expect(await listing()).toEqual([join(root, 'linked.ckpt'), join(root, 'real', 'a.ckpt')]);
});

test('a directory that cannot be listed is told of, and the others are listed', async () => {
  const told: string[] = [];
  expect(await filesBelow(join(root, 'gone'), (path) => told.push(path))).toEqual([]);
  expect(told).toEqual([join(root, 'gone')]);
});
