import { inMemory } from '../../src/tiers/in-memory.ts';
import { tierContract } from './tier.contract.ts';
import { inDirectory, inStore } from './tiers-in-use.ts';

tierContract('the ssd tier', 'ssd', () => inDirectory('ssd'));

tierContract('the cold tier', 'cold', () => inDirectory('cold'));

tierContract('the ram tier', 'ram', async () => {
  const used = inDirectory('ram');
  return { ...used, tier: await inMemory(used.tier, async () => ({ total: 1e9, available: 1e9 })) };
});

tierContract('a tier of objects', 'cold', () => inStore('cold'));
