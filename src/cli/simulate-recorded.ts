import type { MissesAnswer } from '../api/loads.ts';
import { missSeconds } from '../replay/replay.ts';
import { type CacheSize, type ColdType, type Result, type SimulatedPolicy, simulate } from '../replay/simulate.ts';
import { parseTrace } from '../replay/trace.ts';
import type { Client } from './client.ts';

interface Choice {
  policies: SimulatedPolicy[];
  /** Sizes; left out = the daemon's limit, and sizes around it. */
  sizes?: CacheSize[];
  cold?: ColdType | true;
}

/** Other policies and limits over the loads that the daemon has recorded. */
export interface RecordedSimulation {
  misses: MissesAnswer;
  results: (Result & { missSeconds: number })[];
  /** The policy of the daemon that loses least with the limit in force, and the seconds that it would have saved. */
  best: { policy: string; seconds: number } | null;
  /** As reported by the daemon. */
  more: MissesAnswer['more'];
}

/** Sizes in addition to the limit, as multiples of it, for every policy. */
const parts = [0.5, 1, 2];

export async function simulateRecorded(client: Client, { policies, sizes, cold }: Choice): Promise<RecordedSimulation> {
  const misses = await client.misses();
  const { limit, start, since } = misses;
  if (start === null || misses.loads === 0) return { misses, results: [], best: null, more: misses.more };
  const trace = parseTrace('recorded', await client.trace());
  const from = (Date.parse(since) - Date.parse(start)) / 1000;
  const tried = sizes ?? parts.map((part) => ({ bytes: Math.round(part * limit) }));
  const restoring = misses.cold && { restoreSpeed: misses.cold.restoreSpeed };
  const request = { sizes: tried, policies, cold: cold === true ? 'bf16' : (cold ?? null), from, ...restoring } as const;
  const results = (await simulate([trace], request)).map((result) => ({ ...result, missSeconds: missSeconds(result.outcome) }));
  return { misses, results, best: bestPolicy(results, misses), more: misses.more };
}

function bestPolicy(results: RecordedSimulation['results'], { limit, policy }: MissesAnswer): RecordedSimulation['best'] {
  // The reference knows the future: no user can choose it.
  const atLimit = results.filter((one) => one.capacity === limit && !one.cold && one.policy !== 'foresight');
  const now = atLimit.find((one) => one.policy === policy);
  const [best] = atLimit.toSorted((a, b) => a.missSeconds - b.missSeconds);
  return best && now ? { policy: best.policy, seconds: now.missSeconds - best.missSeconds } : null;
}
