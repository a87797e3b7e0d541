import { expect, test } from 'vitest';
import { bounded, within } from '../../src/runtime/deadline.ts';

const never = new Promise<string>(() => {});

test('what comes in time is the answer', async () => {
  expect(await within(Promise.resolve('early'), 10_000, null)).toBe('early');
  await expect(within(Promise.reject(new Error('no')), 10_000, null)).rejects.toThrow('no');
  await expect(bounded(Promise.reject(new Error('no')), 10_000)).rejects.toThrow('no');
});

test('what does not come in time is not waited for', async () => {
  expect(await within(never, 1, 'late')).toBe('late');
  expect(await bounded(never, 1)).toBeUndefined();
});

test('a failure that comes too late is nobody’s', async () => {
  const { promise, reject } = Promise.withResolvers<never>();
  expect(await within(promise, 1, 'late')).toBe('late');
  reject(new Error('an unhandled rejection would fail this test run'));
  await new Promise(setImmediate);
});
