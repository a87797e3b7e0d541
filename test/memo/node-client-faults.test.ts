import { expect, test, vi } from 'vitest';
import { createMemo } from '../../src/index.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { sharedRig } from './node-client-rig.ts';

test.each(['', 'a b', '_private', 'x'.repeat(101)])(
  'a namespace that the daemon would refuse is refused at once: %j',
  (namespace) => {
    expect(() => createMemo({ namespace, stateDir: tempDir() })).toThrow('a namespace has 1 to 100 letters');
  },
);

test('each reason why a result is not kept is said once', async () => {
  const onWarning = vi.fn();
  const memo = (await sharedRig()).open({ onWarning });
  await memo.getOrCompute('a', () => new Date(0));
  await memo.getOrCompute('b', () => new Date(0));
  await memo.getOrCompute('c', () => Number.NaN);
  await memo.getOrCompute('d', () => 1, { ttl: '5 minutes' });
  await memo.settled();
  expect(onWarning.mock.calls.map(([message]) => message)).toEqual([
    expect.stringContaining('a Date'),
    expect.stringContaining('NaN'),
    expect.stringContaining('5 minutes'),
  ]);
});
