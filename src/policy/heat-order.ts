import { type Forecast, lastingCounts, speedsOfForgetting } from '../core/demand.ts';
import { wishesInFarm } from '../core/farm-wishes.ts';
import { lastingOrder, type Votes } from '../core/votes.ts';
import type { Order, PolicyContext } from './policy.ts';

/** Length of an era, ms: after a longer time scaled counts could overflow. */
const epochMs = 500 * 24 * 3600 * 1000;
/** The same in a farm: the keys of files that only other hosts want fall behind, which costs time but changes no decision. */
const farmEpochMs = 24 * 3600 * 1000;
/** Safety factor of the bound, which is computed, and so rounded, differently from the score. */
const roundedDown = 1 - 1e-9;
const none: readonly number[] = Array.from({ length: speedsOfForgetting }, () => 0);

/**
 * The order of the scores of `heat`. All counts of one half-life fade by the same factor, so scaled to one point of time they change
 * with wishes only: these are the keys, and the wishes of a farm one more. With one half-life they would be the order. With six, their
 * weights change, and their weighted sum bounds the score; bursts and queued prompts are added to it.
 * @param forecastAt null when wishes are not counted yet
 */
export function heatOrder(
  { now, secondsPerByte, pace, farm }: PolicyContext,
  forecastAt: (at: number) => Forecast | null,
): Order {
  let [epoch, latest, counted, farmEra, era] = [0, 0, false, -1, 0];
  const lastingVotes = ({ votes, votedAt }: Votes, at: number) =>
    votedAt === null ? 0 : 2 ** lastingOrder({ votes, votedAt: Math.min(votedAt, at) - epoch });
  return {
    era() {
      const at = now();
      const counts = forecastAt(at) !== null;
      const heard = farm?.()?.era ?? -1;
      if (
        at < latest ||
        Math.abs(at - epoch) > (heard < 0 ? epochMs : farmEpochMs) ||
        counts !== counted ||
        heard !== farmEra
      ) {
        [epoch, counted, farmEra] = [at, counts, heard];
        era += 1;
      }
      latest = at;
      return era;
    },
    keys({ entry }) {
      const at = now();
      latest = Math.max(latest, at);
      const isCounted = counted && entry.demand;
      const keys = isCounted ? [...lastingCounts(isCounted, epoch, at), 0] : [...none, lastingVotes(entry, at)];
      if (farmEra < 0) return keys;
      keys.push(isCounted ? wishesInFarm(farm?.() ?? null, entry, epoch) : 0);
      return keys;
    },
    pace: (entry) => pace?.(entry) ?? entry.path,
    bound(_tick, like) {
      const at = now();
      const forecast = forecastAt(at);
      const fading = 1 / lastingVotes({ votes: 1, votedAt: at }, at);
      const weights = [...(forecast?.lastingWeights(epoch) ?? none), fading];
      if (farmEra >= 0) weights.push((forecast?.farmWeight ?? 0) * fading);
      const each = secondsPerByte(like) * 2 ** 30 * roundedDown;
      return (keys, from) => {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (keys[from + k] as number);
        return sum * each;
      };
    },
  };
}
