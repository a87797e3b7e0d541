import type { MissesAnswer } from '../api/loads.ts';
import { missSeconds } from '../replay/replay.ts';
import { type CacheSize, type ColdType, type Result, type SimulatedPolicy, simulate } from '../replay/simulate.ts';
import { parseTrace } from '../replay/trace.ts';
import type { Client } from './client.ts';

interface Choice {
  policies: SimulatedPolicy[];
  /** The daemon's limit, and sizes around it, when left out. */
  sizes?: CacheSize[];
  cold?: ColdType | true;
}

/** What other policies and limits would have made of the loads that the daemon has recorded. */
export interface RecordedSimulation {
  misses: MissesAnswer;
  results: (Result & { missSeconds: number })[];
  /** The policy of the daemon that loses least with the limit in force, and the seconds that it would have saved. */
  best: { policy: string; seconds: number } | null;
  /** The larger limit that is worth most for its bytes; null when no larger one saves a tenth. */
  more: { bytes: number; seconds: number } | null;
}

/** Sizes beside the limit that every policy is tried with. */
const parts = [0.5, 1, 2];
/** A larger limit must save so much of what misses cost. */
const worthTelling = 0.1;

export async function simulateRecorded(client: Client, { policies, sizes, cold }: Choice): Promise<RecordedSimulation> {
  const misses = await client.misses();
  const { limit, points, start, since } = misses;
  if (start === null || misses.loads === 0) return { misses, results: [], best: null, more: null };
  const trace = parseTrace('recorded', await client.trace());
  const from = (Date.parse(since) - Date.parse(start)) / 1000;
  const tried = sizes ?? parts.map((part) => ({ bytes: Math.round(part * limit) }));
  const request = { sizes: tried, policies, cold: cold === true ? 'bf16' : (cold ?? null), from } as const;
  const results = (await simulate([trace], request)).map((result) => ({ ...result, missSeconds: missSeconds(result.outcome) }));
  return { misses, results, best: bestPolicy(results, misses), more: moreRoom(points, limit) };
}

function bestPolicy(results: RecordedSimulation['results'], { limit, policy }: MissesAnswer): RecordedSimulation['best'] {
  // The reference knows the future: nobody can choose it.
  const atLimit = results.filter((one) => one.capacity === limit && !one.cold && one.policy !== 'foresight');
  const now = atLimit.find((one) => one.policy === policy);
  const [best] = atLimit.toSorted((a, b) => a.missSeconds - b.missSeconds);
  return best && now ? { policy: best.policy, seconds: now.missSeconds - best.missSeconds } : null;
}

function moreRoom(points: MissesAnswer['points'], limit: number): RecordedSimulation['more'] {
  const now = points.find(({ bytes }) => bytes === limit);
  if (!now) return null;
  const larger = points
    .filter(({ bytes, seconds }) => bytes > limit && now.seconds - seconds >= worthTelling * now.seconds)
    .map(({ bytes, seconds }) => ({ bytes: bytes - limit, seconds: now.seconds - seconds }));
  return larger.toSorted((a, b) => b.seconds / b.bytes - a.seconds / a.bytes)[0] ?? null;
}
