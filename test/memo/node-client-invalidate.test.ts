import { expect, test, vi } from 'vitest';
import { sharedRig } from './node-client-rig.ts';

test('results leave by their tags, and by a version', async () => {
  const { memo, open } = await sharedRig();
  const f = memo.memoize((name: string) => name, { name: 'f', tags: (name) => [`model:${name}`] });
  await Promise.all([f('a'), f('b')]);
  expect(await memo.invalidate({ tags: ['model:a'] })).toMatchObject({ removed: 1 });
  const compute = vi.fn((name: string) => name);
  const again = open().memoize(compute, { name: 'f' });
  await Promise.all([again('a'), again('b')]);
  expect(compute.mock.calls).toEqual([['a']]);
  await open({ version: '2' }).memoize(compute, { name: 'f' })('b');
  expect(compute).toHaveBeenCalledTimes(2);
});

test('a result leaves by its parts, as they were given or as those of a call, and by its text', async () => {
  const { memo, open } = await sharedRig();
  const compute = vi.fn((name: string) => name);
  const f = memo.memoize(compute, { name: 'named' });
  const told = memo.memoize(compute, { key: () => ['told'], text: (name) => name });
  for (const name of ['a', 'b']) await Promise.all([f(name), told(name)]);
  await memo.settled();
  compute.mockClear();
  expect(await memo.invalidate(await f.parts('a'))).toMatchObject({ removed: 1 });
  expect(await memo.invalidate({ ...(await f.parts('b')), tags: ['none of it'] })).toMatchObject({ removed: 0 });
  expect(await open().invalidate({ parts: ['told'], text: 'b', dryRun: true })).toMatchObject({ removed: 1 });
  expect(await open().invalidate({ parts: ['told'], text: 'b' })).toMatchObject({ removed: 1 });
  expect(await memo.invalidate({ parts: ['told'] })).toMatchObject({ removed: 0 });
  for (const name of ['a', 'b']) await Promise.all([f(name), told(name)]);
  expect(compute.mock.calls).toEqual([['a'], ['b']]);
  await expect(memo.invalidate({ parts: [Number.NaN] })).rejects.toThrow(TypeError);
  await expect(memo.invalidate({ text: 'b' })).rejects.toThrow(TypeError);
});

test('a result leaves by the version that it was computed with', async () => {
  const { memo, open } = await sharedRig();
  const next = open({ version: '2' });
  for (const one of [memo, next]) await one.getOrCompute('versioned', () => 1);
  await Promise.all([memo, next].map((one) => one.settled()));
  expect(await next.invalidate({ parts: 'versioned' })).toMatchObject({ removed: 1 });
  expect(await memo.getOrCompute('versioned', () => 2)).toBe(1);
  expect(await next.getOrCompute('versioned', () => 2)).toBe(2);
});
