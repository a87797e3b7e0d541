import { burstAt, Forecast, type Habits } from '../core/demand.ts';
import { type FarmWishes, wishesInFarm } from '../core/farm-wishes.ts';
import { countAt, votesAt } from '../core/votes.ts';
import { heatOrder } from './heat-order.ts';
import { lossOf } from './leaving.ts';
import type { Candidate, Policy, PolicyContext } from './policy.ts';

/** The weights of `heat`. */
export interface Weights {
  /** Weight in wishes of a prompt that will load the file, and of a use within the present burst. */
  queued: number;
  burst: number;
  /** Weight in wishes of a load foreseen with certainty. */
  foreseen: number;
  /** Minimum ratio of a new copy's worth to that of the copies that leave for it, which pays for the write. */
  margin: number;
}

/** Chosen with each kind of user left out in turn (`npm run bench -- cross-check`). */
export const usualWeights: Weights = { queued: 100, burst: 3, foreseen: 3, margin: 1 / 0.85 };

/**
 * The copy that saves the least time per GiB leaves first: the expected demand for the file, times the extra seconds that a GiB takes
 * from its source. The expected demand is the sum of loads of the queue, foreseen loads, uses in the present burst of runs, and a
 * forecast from all earlier wishes, also those of the other hosts of a farm (core/demand.ts). A file is not copied if it would
 * displace files that save more time. So reading through a library once leaves the cache, and the SSD, unchanged.
 */
export function heat(context: PolicyContext): Policy {
  return weighted(context, usualWeights);
}

/** The same with other weights. */
export function weighted(context: PolicyContext, weights: Weights): Policy {
  const { now, secondsPerByte, habits, farm, expected, expectedLater = expected, foreseen } = context;
  let known: { of: Habits | null; heard: FarmWishes | null; at: number; forecast: Forecast | null } | null = null;
  const forecastAt = (at: number) => {
    const [of, heard] = [habits?.() ?? null, farm?.() ?? null];
    if (known?.at !== at || known.of !== of || known.heard !== heard)
      known = { of, heard, at, forecast: of && new Forecast(of, at, heard && countAt(heard.all, at)) };
    return known.forecast;
  };
  const demandFor = ({ entry }: Candidate, queued: number) => {
    const at = now();
    const coming = weights.queued * queued + weights.foreseen * (foreseen?.(entry.path) ?? 0);
    const forecast = forecastAt(at);
    if (!entry.demand || !forecast) return votesAt(entry, at) + coming;
    const inFarm = wishesInFarm(farm?.() ?? null, entry, at);
    return forecast.of(entry.demand, inFarm) + coming + weights.burst * burstAt(entry.demand, at);
  };
  const worth = (candidate: Candidate, queued: number) =>
    demandFor(candidate, queued) * secondsPerByte(candidate.entry) * 2 ** 30;
  const score: Policy['score'] = (candidate) => worth(candidate, expected?.(candidate.entry.path) ?? 0);
  // A copy comes too late for a prompt that begins at once: its load is a wish like others.
  const worthNew = (candidate: Candidate) => {
    const [all, later] = [expected?.(candidate.entry.path) ?? 0, expectedLater?.(candidate.entry.path) ?? 0];
    return worth(candidate, later + (all - later) / weights.queued);
  };
  return {
    name: 'heat',
    packed: true,
    foresees: true,
    expects: (path) => (expected?.(path) ?? 0) > 0,
    score,
    order: heatOrder(context, forecastAt),
    admit(incoming, victims, tick, short) {
      if (victims.length === 0) return true;
      const leavers = victims.map((victim) => ({ bytes: victim.bytes, score: score(victim, tick) }));
      const needed = short ?? leavers.reduce((sum, { bytes }) => sum + bytes, 0);
      return worthNew(incoming) * incoming.bytes > weights.margin * lossOf(leavers, needed);
    },
  };
}
