import { type Forecast, lastingCounts, speedsOfForgetting } from '../core/demand.ts';
import { lastingOrder, type Votes } from '../core/votes.ts';
import type { Order, PolicyContext } from './policy.ts';

/** Length of an era, ms: after a longer time scaled counts could overflow. */
const epochMs = 500 * 24 * 3600 * 1000;
/** Safety factor of the bound, which is computed, and so rounded, differently from the score. */
const roundedDown = 1 - 1e-9;
const none: readonly number[] = Array.from({ length: speedsOfForgetting }, () => 0);

/**
 * The order of the scores of `heat`. All counts of one half-life fade by the same factor, so scaled to one point of time they change
 * with wishes only: these are the keys. With one half-life they would be the order. With six, their weights change, and their weighted
 * sum bounds the score; bursts and queued prompts are added to it.
 * @param forecastAt null when wishes are not counted yet
 */
export function heatOrder({ now, secondsPerByte, pace }: PolicyContext, forecastAt: (at: number) => Forecast | null): Order {
  let [epoch, latest, counted, era] = [0, 0, false, 0];
  const lastingVotes = ({ votes, votedAt }: Votes, at: number) =>
    votedAt === null ? 0 : 2 ** lastingOrder({ votes, votedAt: Math.min(votedAt, at) - epoch });
  return {
    era() {
      const at = now();
      const counts = forecastAt(at) !== null;
      if (at < latest || Math.abs(at - epoch) > epochMs || counts !== counted) {
        [epoch, counted] = [at, counts];
        era += 1;
      }
      latest = at;
      return era;
    },
    keys({ entry }) {
      const at = now();
      latest = Math.max(latest, at);
      if (counted && entry.demand) return [...lastingCounts(entry.demand, epoch, at), 0];
      return [...none, lastingVotes(entry, at)];
    },
    pace: (entry) => pace?.(entry) ?? entry.path,
    bound(_tick, like) {
      const at = now();
      const weights = [...(forecastAt(at)?.lastingWeights(epoch) ?? none), 1 / lastingVotes({ votes: 1, votedAt: at }, at)];
      const each = secondsPerByte(like) * 2 ** 30 * roundedDown;
      return (keys, from) => {
        let sum = 0;
        for (let k = 0; k < weights.length; k++) sum += (weights[k] as number) * (keys[from + k] as number);
        return sum * each;
      };
    },
  };
}
