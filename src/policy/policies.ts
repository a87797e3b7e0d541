import { lfu } from './lfu.ts';
import { lru } from './lru.ts';
import type { Policy } from './policy.ts';

/** Every policy by its name; the configuration's list of names and this table are held together by the type. */
export const policies = { lru, lfu } satisfies Record<string, Policy>;
