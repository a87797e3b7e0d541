import { expect, test } from 'vitest';
import type { LibraryAnswer } from '../../../src/api/dashboard.ts';
import { createClient } from '../../helpers/services.ts';

/** Files that the scan of the root has found, one of them copied. */
async function createLibrary() {
  const client = createClient({ filters: { minSize: { overall: 100, by: {} } } });
  const sources = [
    ['checkpoints/flux-dev FP8.safetensors', 5000],
    ['checkpoints/sdxl.safetensors', 4000],
    ['loras/flux-style.safetensors', 300],
    ['loras/tiny.safetensors', 10],
  ] as const;
  const files = sources.map(([rel, size]) => {
    return { ...client.place(client.source(rel, size).path), size, medium: 'hdd' as const };
  });
  client.services.roots.files = () => files;
  await client.copy(files[2]?.path ?? '');
  const list = async (query: Record<string, string> = {}, ...more: [string, string][]) => {
    const search = new URLSearchParams([...Object.entries(query), ...more]);
    const { status, body } = await client.get(`/api/library?${search}`);
    expect(status).toBe(200);
    return body as LibraryAnswer;
  };
  const namesOf = async (...of: Parameters<typeof list>) => (await list(...of)).files.map(({ name }) => name);
  return { ...client, files, list, namesOf };
}

test('shows every model on the sources, asked for or not, and how each does', async () => {
  const { list } = await createLibrary();
  const { total, all, bytes, files, states } = await list();
  expect([total, all, bytes]).toEqual([4, 4, 9310]);
  expect(files.map(({ name, state, word, tiers }) => [name, state, word, tiers])).toEqual([
    ['checkpoints/flux-dev FP8.safetensors', 'not-copied', 'not copied yet', []],
    ['checkpoints/sdxl.safetensors', 'not-copied', 'not copied yet', []],
    ['loras/flux-style.safetensors', 'ready', 'ready', ['ssd']],
    ['loras/tiny.safetensors', 'left-alone', 'left alone', []],
  ]);
  expect(states.filter((state) => state.files > 0)).toEqual([
    { name: 'ready', files: 1 },
    { name: 'not-copied', files: 2 },
    { name: 'left-alone', files: 1 },
  ]);
});

test('finds by parts of the name in any case, and by several filters at once', async () => {
  const { namesOf, root } = await createLibrary();
  expect(await namesOf({ search: 'FLUX' })).toHaveLength(2);
  expect(await namesOf({ search: 'fp8 flux' })).toEqual(['checkpoints/flux-dev FP8.safetensors']);
  expect(await namesOf({ search: 'flux', state: 'not-copied', category: 'checkpoints', root })).toEqual([
    'checkpoints/flux-dev FP8.safetensors',
  ]);
  expect(await namesOf({ tier: 'ssd' })).toEqual(['loras/flux-style.safetensors']);
  expect(await namesOf({}, ['state', 'ready'], ['state', 'left-alone'])).toEqual([
    'loras/flux-style.safetensors',
    'loras/tiny.safetensors',
  ]);
  expect(await namesOf({ category: 'vae' })).toEqual([]);
});

test('sorts and pages, and tells how many there are', async () => {
  const { list, namesOf } = await createLibrary();
  const bySize = await list({ sort: 'size', descending: 'true', limit: '2' });
  expect(bySize.files.map(({ size }) => size)).toEqual([5000, 4000]);
  expect(bySize.total).toBe(4);
  expect((await list({ sort: 'size', limit: '2', offset: '3' })).files.map(({ size }) => size)).toEqual([5000]);
  expect(await namesOf({ sort: 'state', limit: '1' })).toEqual(['loras/tiny.safetensors']);
});

test('a change is shown by the next question', async () => {
  const { list, post, files } = await createLibrary();
  const [first] = files;
  expect((await list({ pinned: 'true' })).total).toBe(0);
  await post('/api/cache/pin', { paths: [first?.path] });
  const pinned = await list({ pinned: 'true' });
  expect(pinned.files.map(({ path }) => path)).toEqual([first?.path]);
  expect(pinned.files[0]?.id).toEqual(expect.any(Number));
});

test('what is no longer on its source is not called copyable', async () => {
  const { list, services, files, post } = await createLibrary();
  await post('/api/cache/pin', { paths: [files[0]?.path] });
  services.roots.files = () => [];
  await post('/api/cache/unpin', { paths: [files[0]?.path] });
  const { files: left } = await list({ sort: 'name' });
  expect(left.map(({ name, state }) => [name, state])).toEqual([
    ['checkpoints/flux-dev FP8.safetensors', 'not-seen'],
    ['loras/flux-style.safetensors', 'ready'],
  ]);
});

test('with its folder away it says so, unless there is a copy', async () => {
  const { list, services } = await createLibrary();
  const [root] = services.roots.list();
  if (root) services.roots.list = () => [{ ...root, health: 'away' }];
  expect(new Set((await list()).files.map(({ state }) => state))).toEqual(new Set(['away', 'ready']));
});

test('tells how the cache is used by category: names of the same bytes count once', async () => {
  const { list } = await createLibrary();
  const { categories, folders } = await list({ limit: '1' });
  expect(categories).toEqual([
    { name: 'loras', files: 2, bytes: 310, cached: 1, cachedBytes: 300 },
    { name: 'checkpoints', files: 2, bytes: 9000, cached: 0, cachedBytes: 0 },
  ]);
  expect(folders).toHaveLength(1);
});

test.each([
  { sort: 'nothing' },
  { state: 'copied' },
  { tier: 'nvme' },
  { limit: '0' },
  { limit: '100000' },
  { offset: '-1' },
  { pinned: 'perhaps' },
])('%j is refused in words', async (query) => {
  const { get } = createClient();
  const { status, body } = await get(`/api/library?${new URLSearchParams(query)}`);
  expect(status).toBe(400);
  expect(body).toMatchObject({ error: { code: 'BAD_REQUEST' } });
});
