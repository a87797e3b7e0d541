const dayMs = 24 * 3600 * 1000;
/** Half-lives of the counts, days. Each is twice the one before it, so that one power gives the decay of all (see `sum`). */
const halfLifeDays = [1, 2, 4, 8, 16, 32] as const;
/** Decay of the longest one, per ms, for `Math.exp`, which is three times as fast as a power of two. */
const fading = Math.LN2 / (32 * dayMs);
/** The count that others are scaled to: with a half-life of four days. */
const usual = 2;
/** A file that is used again between these is in a burst, whose count has the longer one as its half-life. */
const [sameRunMs, burstMs] = [5000, 10 * 60 * 1000];
/** Time after its last use at which a burst counts nothing, ms. */
const overMs = 30 * burstMs;
/** Added to each count when forecasts are judged: a request against all expectation does not end a forecast. */
const surprise = 0.001;
/** Share of the farm's wishes before they were judged. */
const unjudged = 0.5;
/** Maximum of wishes that a file's counts begin with: they stay in the catalog, and those in Redis may be wrong. */
const mostTold = 100;

/** How uses are counted. */
export interface Counting {
  /** Uses in this time are one wish: a burst of runs is not a month of work. Ms. */
  windowMs: number;
  /** Wishes that follow each other sooner than this say nothing of habits. Ms. */
  habitMs: number;
  /** Part of each share that goes to all of them at a wish: habits change. */
  mixing: number;
  /** Weight of a file's first wish: fewer of the files that were wanted once are wanted again than counts of one say. */
  first: number;
}

/** Chosen with each kind of user left out in turn (`npm run bench -- cross-check`). */
export const usualCounting: Counting = { windowMs: 30 * 60 * 1000, habitMs: 60 * 60 * 1000, mixing: 0.01, first: 0.7 };

/** How wanted a file is, as counted at several speeds of forgetting. */
export interface Demand {
  /** Decayed counts of wishes, one for each half-life, at `wishedAt`. */
  counts: readonly number[];
  /** Wall-clock ms of the last wish, of the last use, and of the last use within a burst. */
  wishedAt: number;
  usedAt: number;
  burstAt: number;
  /** Decayed count of uses within a burst, at `burstAt`. */
  bursts: number;
}

/** Habits learned from the wishes of all files: their decayed number at `at`, and the weight of each half-life as a forecast. */
export interface Habits {
  at: number;
  totals: readonly number[];
  /** Their sum is 1. */
  shares: readonly number[];
  /** Weight of the farm's wishes as a forecast; that of all half-lives together is the rest of 1. Left out before it was judged. */
  farmShare?: number;
}

/** Wishes of the hosts of a farm at present: for one file, and for all; and the number of hosts without this one. */
export interface FarmCounts {
  wishes: number;
  all: number;
  others: number;
}

/** The habits before any wish. */
export function noHabits(now: number): Habits {
  return { at: now, totals: halfLifeDays.map(() => 0), shares: halfLifeDays.map(() => 1 / halfLifeDays.length) };
}

/** The wishes of all files, as they count at `now` with the usual half-life. */
function wishesOf(habits: Habits, now: number): number {
  return decayed(habits.totals, now - habits.at)[usual] ?? 0;
}

/** Demand for a file that was counted only with the usual half-life so far. @param wishes decayed count at `at`, wall-clock ms */
export function demandFrom(wishes: number, at: number): Demand {
  return { counts: halfLifeDays.map(() => wishes), wishedAt: at, usedAt: at, burstAt: at, bursts: 0 };
}

/**
 * After a use at `now`, wall-clock ms. If it is a wish, each half-life has its forecast judged: the share of this file among all that
 * it counted. Those that expected it gain (the rule of Bayes with a fixed share, so that none is lost for good). In a farm, all of them
 * together are then judged by the same rule against the wishes of all hosts. Pure.
 * @param farm null = a host alone
 * @returns also the wishes of other hosts with which the file's count begins; 0 = none
 */
export function afterUse(
  before: Demand | null,
  habits: Habits,
  now: number,
  farm: FarmCounts | null = null,
  { windowMs, habitMs, mixing, first }: Counting = usualCounting,
): { demand: Demand; habits: Habits; told: number } {
  if (!before) {
    const told = farm ? firstWishes(farm, wishesOf(habits, now)) : 0;
    const totals = decayed(habits.totals, now - habits.at);
    add(totals, first + told);
    return { demand: demandFrom(first + told, now), habits: { ...habits, at: now, totals }, told };
  }
  const since = Math.abs(now - before.usedAt);
  const isBurst = since >= sameRunMs && since < burstMs;
  const demand = {
    ...before,
    usedAt: now,
    ...(isBurst && { bursts: burstAt(before, now) + 1, burstAt: now }),
  };
  const sinceWish = now - before.wishedAt;
  // A wish far ahead comes from a wrong clock.
  if (Math.abs(sinceWish) < windowMs) return { demand, habits, told: 0 };
  const counts = decayed(before.counts, sinceWish);
  const totals = decayed(habits.totals, now - habits.at);
  const judged = Math.abs(sinceWish) < habitMs ? habits : judge(habits, { totals, counts, farm, mixing });
  add(counts, 1);
  add(totals, 1);
  return { demand: { ...demand, counts, wishedAt: now }, habits: { ...judged, at: now, totals }, told: 0 };
}

/**
 * Wishes with which a file's counts begin when it is first wanted on a host: the mean of the others, and the less the more wishes the
 * host has had itself, since hosts of one farm may serve different people.
 * @param own wishes of all files on this host
 */
function firstWishes({ wishes, all, others }: FarmCounts, own: number): number {
  const hosts = Math.max(1, others);
  const theirs = all - own;
  const isNew = theirs > 0 ? Math.max(0, 1 - (own * hosts) / theirs) : 0;
  return Math.min(mostTold, (isNew * wishes) / hosts);
}

/** How wanted a file is at `now`, in wishes with the usual half-life. */
export class Forecast {
  readonly #now: number;
  readonly #weights: number[];
  /** Weight of a wish on the hosts of the farm. */
  readonly farmWeight: number;

  /** @param farm wishes of all hosts of a farm for all files, at `now`; null = a host alone */
  constructor(habits: Habits, now: number, farm: number | null = null) {
    this.#now = now;
    const totals = decayed(habits.totals, now - habits.at).map((total) => total + 1);
    const scale = totals[usual] ?? 1;
    const farmShare = farm === null ? 0 : (habits.farmShare ?? unjudged);
    this.farmWeight = (farmShare * scale) / ((farm ?? 0) + 1);
    this.#weights = totals.map((total, k) => ((1 - farmShare) * (habits.shares[k] ?? 0) * scale) / total);
  }

  /** @param inFarm wishes of all hosts of a farm at present */
  of({ counts, wishedAt }: Demand, inFarm = 0): number {
    return sum(counts, this.#weights, this.#now - wishedAt) + this.farmWeight * inFarm;
  }

  /** The weights of `lastingCounts`: their weighted sum is the forecast. @param epoch wall-clock ms */
  lastingWeights(epoch: number): number[] {
    return decayed(this.#weights, this.#now - epoch);
  }
}

/** Number of counts of a file. */
export const speedsOfForgetting = halfLifeDays.length;

/**
 * The counts as they were at `epoch`, if there had been as many wishes then as have not faded by now. All counts of one half-life fade
 * alike, so these change with wishes only. Finite for 900 days from the epoch. @param epoch wall-clock ms @param now a wish that
 * comes later, as from a wrong clock, counts as now: less, not more
 */
export function lastingCounts({ counts, wishedAt }: Demand, epoch: number, now: number): number[] {
  let growth = Math.exp((Math.min(wishedAt, now) - epoch) * fading);
  const lasting = [...counts];
  for (let k = counts.length - 1; k >= 0; k--) {
    lasting[k] = (counts[k] ?? 0) * growth;
    growth *= growth;
  }
  return lasting;
}

/** Decayed count of uses within a burst. */
export function burstAt({ bursts, burstAt: at }: Demand, now: number): number {
  return bursts === 0 || now - at > overMs ? 0 : bursts * 2 ** (-Math.max(0, now - at) / burstMs);
}

/** The demand for two files that turn out to be one. */
export function joined(one: Demand | null, other: Demand | null): Demand | null {
  if (!one || !other) return one ?? other;
  const [later, earlier] = one.wishedAt >= other.wishedAt ? [one, other] : [other, one];
  const added = decayed(earlier.counts, later.wishedAt - earlier.wishedAt);
  return { ...later, counts: later.counts.map((count, k) => count + (added[k] ?? 0)) };
}

function add(counts: number[], weight: number): void {
  for (let k = 0; k < counts.length; k++) counts[k] = (counts[k] ?? 0) + weight;
}

/** The shares by the rule of Bayes, with a part of them spread evenly. */
function judge(habits: Habits, { totals, counts, farm, mixing }: Judged): Habits {
  const { shares, farmShare = unjudged } = habits;
  const gained = shares.map((share, k) => expected(share, counts[k] ?? 0, totals[k] ?? 0));
  const own = gained.reduce((sum, part) => sum + part, 0);
  const judged = { ...habits, shares: gained.map((part) => ((1 - mixing) * part) / own + mixing / shares.length) };
  if (!farm) return judged;
  const theirs = expected(farmShare, farm.wishes, farm.all);
  return { ...judged, farmShare: ((1 - mixing) * theirs) / (theirs + (1 - farmShare) * own) + mixing / 2 };
}

/** The wished file's counts and those of all files. */
interface Judged {
  counts: readonly number[];
  totals: readonly number[];
  farm: FarmCounts | null;
  mixing: number;
}

/** Probability of a wish for a file with this count, by a forecast of this share. */
function expected(share: number, count: number, total: number): number {
  return (share * (count + surprise)) / (total + 1);
}

/** Decayed counts; a clock that was set back lets none of them grow. */
function decayed(counts: readonly number[], ms: number): number[] {
  const decays = counts.slice();
  let decay = Math.exp(-Math.max(0, ms) * fading);
  for (let k = counts.length - 1; k >= 0; k--) {
    decays[k] = (counts[k] ?? 0) * decay;
    decay *= decay;
  }
  return decays;
}

/** The weighted sum of the decayed counts. Of a scan of ten thousand files this is the inner loop, so nothing is allocated. */
function sum(counts: readonly number[], weights: readonly number[], ms: number): number {
  let decay = Math.exp(-Math.max(0, ms) * fading);
  let total = 0;
  for (let k = weights.length - 1; k >= 0; k--) {
    total += (counts[k] ?? 0) * (weights[k] ?? 0) * decay;
    decay *= decay;
  }
  return total;
}
