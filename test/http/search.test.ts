import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { EntriesAnswer } from '../../src/api/entries.ts';
import { runCli } from '../cli/run-cli.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { soon } from '../helpers/patience.ts';
import { createClient } from '../helpers/services.ts';

test('a search ignores case, needs no star, and finds all of its words in any order', async () => {
  const { get, source, copy } = createClient();
  for (const name of [
    'loras/Flux-Style FP8.safetensors',
    'loras/flux-other.safetensors',
    'vae/c++[1].safetensors',
    'vae/cafe\u0301.pt',
  ])
    await copy(source(name, 1000).path);
  const found = async (search: string) => {
    const { body } = await get(`/api/cache/entries?${new URLSearchParams({ search, sort: 'name' })}`);
    return (body as EntriesAnswer).entries.map(({ name }) => name);
  };
  expect(await found('FLUX')).toEqual(['loras/Flux-Style FP8.safetensors', 'loras/flux-other.safetensors']);
  expect(await found('fp8 flux')).toEqual(['loras/Flux-Style FP8.safetensors']);
  expect(await found('c++[1]')).toEqual(['vae/c++[1].safetensors']);
  expect(await found('CAFÉ')).toEqual(['vae/cafe\u0301.pt']);
  expect(await found('*')).toEqual([]);
});

test('the library shows what lies on the sources, not only what was asked for', async () => {
  const { client, root, stateDir } = await runDaemon({
    'loras/a.safetensors': 1000,
    'vae/b.safetensors': 2000,
    'vae/note.txt': 5,
  });
  await expect.poll(async () => (await client.sources()).total, soon()).toBe(2);
  const listed = await runCli(['list', '--sources', '--search', 'SAFE vae'], { stateDir, columns: 80 });
  expect(listed.out).toMatch(/^NAME +CATEGORY +SIZE\nvae\/b\.safetensors +vae +1\.95 KiB\n$/);
  expect((await client.sources({ search: 'B.SAFE' })).files).toEqual([
    { path: join(root, 'vae/b.safetensors'), root, name: 'vae/b.safetensors', category: 'vae', size: 2000 },
  ]);
  await client.warm({ paths: [join(root, 'vae/b.safetensors')], wait: true });
  expect((await client.sources()).files.map(({ name }) => name)).toEqual(['loras/a.safetensors']);
});

test('the name that a command suggests is found by a lookup, also in a folder of an older name', async () => {
  const { client, root, stateDir } = await runDaemon({ 'unet/flux1-dev.safetensors': 1000 });
  await expect.poll(async () => (await client.sources()).total, soon()).toBe(1);
  const [, name = ''] = /did you mean (\S+)\?/.exec((await runCli(['pin', 'flux1-def.safetensors'], { stateDir })).err) ?? [];
  expect(name).toBe('diffusion_models/flux1-dev.safetensors');
  expect((await runCli(['lookup', name], { stateDir })).out).toContain(join(root, 'unet/flux1-dev.safetensors'));
});

test('what a lower limit would cost is told without changing anything', async () => {
  const { client, root } = await runDaemon({ 'loras/a.safetensors': 600_000 });
  await client.warm({ paths: [join(root, 'loras/a.safetensors')], wait: true });
  expect(await client.leavingAfter({ limit: '100KiB' })).toEqual({ copies: 1, of: 1, bytes: 600_000 });
  expect(await client.leavingAfter({ limit: '1GiB' })).toEqual({ copies: 0, of: 1, bytes: 0 });
  expect(await client.leavingAfter({ policy: 'lru' })).toBeUndefined();
  expect((await client.stats()).tiers[0]?.files).toBe(1);
});
