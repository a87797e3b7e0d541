import { type FeatureName, featureNames, WorkflowHabits } from './workflow-habits.ts';

/** The learned numbers apart from counts: eleven weights with the sums of their squared slopes, and the shares of four forecasts. */
export interface LearnedNumbers {
  weights: readonly number[];
  slopes: readonly number[];
  shares: readonly number[];
}

/** A workflow that may come next. */
export interface Guess {
  id: string;
  probability: number;
  /** The features that favour it most against the others, the strongest first; at most three. */
  reasons: { name: FeatureName; part: number }[];
}

/** Weights before anything is learned, in the order of the features. */
const usualWeights = [0.3, 0.1, 0.2, 0.4, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2, 0.3];
/** Step of the first corrections. */
const rate = 0.1;
/** Part of each share that goes to all of them at a switch: habits change. */
const mixing = 0.02;
/** Features that are forecasts by themselves: popular workflows, followers, recent followers. */
const forecasts = [0, 2, 3] as const;

const noNumbers: LearnedNumbers = {
  weights: usualWeights,
  slopes: featureNames.map(() => 0),
  shares: [0.1, 0.1, 0.1, 0.7],
};

/**
 * Predicts the next workflow. A conditional logit over all known ones (McFadden 1974), corrected at each switch (AdaGrad, Duchi and
 * others 2011), is combined with three simple forecasts; a mixture with fixed shares (Herbster and Warmuth 1998) trusts the recently
 * right ones. Pure: all facts come from the caller.
 */
export class NextWorkflow {
  readonly #habits = new WorkflowHabits();
  #weights: number[];
  #slopes: number[];
  #shares: number[];

  constructor({ weights, slopes, shares }: LearnedNumbers = noNumbers) {
    this.#weights = [...weights];
    this.#slopes = [...slopes];
    this.#shares = [...shares];
  }

  get numbers(): LearnedNumbers {
    return { weights: this.#weights, slopes: this.#slopes, shares: this.#shares };
  }

  /** A workflow runs; if it is another one than before, that teaches. @param at wall-clock ms  @param learns whether it does */
  ran(id: string, at: number, learns = true): void {
    const { current, ranAt } = this.#habits;
    if (learns && current !== null && id !== current) this.#learn(id, ranAt);
    this.#habits.ran(id, at);
  }

  /** The likeliest next workflows, the likeliest first. @param now wall-clock ms */
  guesses(now: number, count = 3): Guess[] {
    const ids = this.#habits.candidates();
    if (ids.length === 0) return [];
    const features = this.#habits.features(ids, now);
    const mixed = this.#mixed(this.#forecasts(features));
    const sums = featureNames.map((_, f) => features.reduce((sum, row) => sum + (row[f] ?? 0), 0));
    const ofOthers = (f: number, own: number) => ((sums[f] ?? 0) - own) / Math.max(1, ids.length - 1);
    const order = ids.map((_, k) => k).sort((a, b) => (mixed[b] ?? 0) - (mixed[a] ?? 0));
    return order.slice(0, count).map((k) => ({
      id: ids[k] ?? '',
      probability: mixed[k] ?? 0,
      reasons: featureNames
        .map((name, f) => {
          const own = features[k]?.[f] ?? 0;
          return { name, part: (this.#weights[f] ?? 0) * (own - ofOthers(f, own)) };
        })
        .filter(({ part }) => part > 0)
        .sort((a, b) => b.part - a.part)
        .slice(0, 3),
    }));
  }

  #learn(id: string, at: number): void {
    const ids = this.#habits.candidates();
    const right = ids.indexOf(id);
    if (right < 0) return;
    const features = this.#habits.features(ids, at);
    const all = this.#forecasts(features);
    const gained = this.#shares.map((share, e) => share * (all[e]?.[right] ?? 0));
    const sum = gained.reduce((whole, part) => whole + part, 0);
    if (sum > 0) this.#shares = gained.map((part) => ((1 - mixing) * part) / sum + mixing / gained.length);
    const logit = all.at(-1) ?? [];
    this.#weights = this.#weights.map((weight, f) => {
      const expected = features.reduce((whole, row, k) => whole + (logit[k] ?? 0) * (row[f] ?? 0), 0);
      const slope = (features[right]?.[f] ?? 0) - expected;
      const slopes = (this.#slopes[f] ?? 0) + slope * slope;
      this.#slopes[f] = slopes;
      return weight + (rate * slope) / Math.sqrt(1 + slopes);
    });
  }

  /** The probabilities of all candidates by each forecast, the logit last. */
  #forecasts(features: readonly (readonly number[])[]): number[][] {
    const simple = forecasts.map((f) => toShares(features.map((row) => Math.exp(row[f] ?? 0))));
    const scores = features.map((row) => row.reduce((sum, value, f) => sum + value * (this.#weights[f] ?? 0), 0));
    const top = Math.max(...scores);
    return [...simple, toShares(scores.map((score) => Math.exp(score - top)))];
  }

  #mixed(all: readonly (readonly number[])[]): number[] {
    return (all[0] ?? []).map((_, k) => all.reduce((sum, one, e) => sum + (this.#shares[e] ?? 0) * (one[k] ?? 0), 0));
  }
}

function toShares(values: number[]): number[] {
  const sum = values.reduce((all, value) => all + value, 0) || 1;
  return values.map((value) => value / sum);
}
