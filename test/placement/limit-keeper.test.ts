import { expect, test } from 'vitest';
import { LimitKeeper } from '../../src/placement/limit-keeper.ts';
import { createRig } from '../helpers/rig.ts';

test('a daemon that is stopped while narrower bounds are reckoned with touches its catalog no more', async () => {
  const rig = createRig({ workers: 'inline' });
  const { path } = rig.source('loras/a.safetensors', 1000);
  await rig.copy(path);
  const looking = Promise.withResolvers<Set<string>>();
  const asked = Promise.withResolvers<void>();
  let settled = 0;
  const tier = {
    ...rig.tier,
    openFiles: () => {
      asked.resolve();
      return looking.promise;
    },
  };
  const bounds = {
    isHeld: true,
    ofSettings: () => ({ bound: { limit: 10, floor: 0 }, quotas: new Map(), maxAgeMs: null }),
    warning: () => 'narrower',
    settle: () => (settled += 1),
  };
  const keeper = new LimitKeeper({
    ...rig,
    tier,
    bounds,
    bound: () => ({ limit: 1e9, floor: 0 }),
    outstanding: () => 0,
    accounts: { complete: true },
    demoter: null,
    policy: () => {
      throw new Error('no copy is chosen');
    },
  });
  const begun = keeper.begin();
  await asked.promise;
  keeper[Symbol.dispose]();
  looking.resolve(new Set());
  await begun;
  expect([settled, keeper.warning]).toEqual([0, null]);
});
