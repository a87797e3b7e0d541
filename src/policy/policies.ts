import { heat } from './heat.ts';
import { lfu } from './lfu.ts';
import { lru } from './lru.ts';
import type { Policy, PolicyContext } from './policy.ts';

/** Every policy by its name; the configuration's list of names and this table are held together by the type. */
export const policies = {
  heat,
  lru: () => lru,
  lfu: () => lfu,
} satisfies Record<string, (surroundings: PolicyContext) => Policy>;
