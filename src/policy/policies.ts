import { adaptive } from './adaptive.ts';
import { heat } from './heat.ts';
import { lfu } from './lfu.ts';
import { lru } from './lru.ts';
import type { Policy, PolicyContext } from './policy.ts';

/** Every policy by its name; the type keeps this table and the configuration's list of names equal. */
export const policies = {
  heat,
  lru: () => lru,
  lfu: () => lfu,
  adaptive,
} satisfies Record<string, (context: PolicyContext) => Policy>;
