const dayMs = 24 * 3600 * 1000;
/** Pause that ends a session, ms. */
const sittingMs = 60 * 60 * 1000;
/** Maximum number of remembered workflows. */
const most = 200;
/** Number of parts of the day. */
const dayParts = 6;
/** Half-lives of the counts, ms. */
const [weekMs, dayLifeMs, switchMs] = [7 * dayMs, dayMs, 5 * dayMs];

/** The features of a workflow for a prediction; each is 0 or grows with the evidence for it. */
export const featureNames = [
  'often used this week',
  'often used today',
  'often follows this one',
  'followed this one lately',
  'follows the last two',
  'used in this sitting',
  'used not long ago',
  'usual at this time of day',
  'came just before',
  'has followed this one before',
  'new',
] as const;
export type FeatureName = (typeof featureNames)[number];

/** A count that fades. */
class Fading {
  #value = 0;
  #at = 0;

  add(at: number, halfLife: number): void {
    this.#value = this.at(at, halfLife) + 1;
    this.#at = at;
  }

  at(now: number, halfLife: number): number {
    return this.#value * 2 ** (-Math.max(0, now - this.#at) / halfLife);
  }
}

interface Known {
  firstAt: number;
  lastAt: number;
  week: Fading;
  day: Fading;
  parts: number[];
  sitting: number;
}

interface Follow {
  all: number;
  lately: Fading;
}

/** The history of workflows: order and times of their runs. */
export class WorkflowHabits {
  readonly #known = new Map<string, Known>();
  readonly #follows = new Map<string, Map<string, Follow>>();
  readonly #pairs = new Map<string, Map<string, number>>();
  #sitting = 0;
  /** The last workflow, the one before it, and when the last one ran. */
  current: string | null = null;
  before: string | null = null;
  ranAt = 0;

  /** The workflows that may come next. */
  candidates(): string[] {
    return [...this.#known.keys()].filter((id) => id !== this.current);
  }

  /** A workflow runs. @param at wall-clock ms */
  ran(id: string, at: number): void {
    if (at - this.ranAt > sittingMs) this.#sitting += 1;
    this.ranAt = at;
    const known = this.#known.get(id) ?? {
      firstAt: at,
      lastAt: at,
      week: new Fading(),
      day: new Fading(),
      parts: Array<number>(dayParts).fill(0),
      sitting: this.#sitting,
    };
    known.lastAt = at;
    known.sitting = this.#sitting;
    this.#known.delete(id);
    this.#known.set(id, known);
    if (id === this.current) return;
    known.week.add(at, weekMs);
    known.day.add(at, dayLifeMs);
    const part = partOf(at);
    known.parts[part] = (known.parts[part] ?? 0) + 1;
    this.#follow(id, at);
    [this.before, this.current] = [this.current, id];
    this.#forget();
  }

  /** The features of all candidates at a time, in their order. */
  features(ids: readonly string[], now: number): number[][] {
    const { current, before } = this;
    const follows = this.#follows.get(current ?? '') ?? new Map<string, Follow>();
    const pairs = this.#pairs.get(pairOf(before, current)) ?? new Map<string, number>();
    const known = ids.map((id) => this.#known.get(id));
    const weeks = known.map((one) => one?.week.at(now, weekMs) ?? 0);
    const days = known.map((one) => one?.day.at(now, dayLifeMs) ?? 0);
    const lately = ids.map((id) => follows.get(id)?.lately.at(now, switchMs) ?? 0);
    const share = normalised(weeks, 0.1);
    const shares = [
      share,
      normalised(days, 0.05),
      backedOff(
        ids.map((id) => follows.get(id)?.all ?? 0),
        share,
      ),
      backedOff(lately, share),
      backedOff(
        ids.map((id) => pairs.get(id) ?? 0),
        share,
      ),
    ];
    const part = partOf(now);
    return ids.map((id, k) => {
      const one = known[k];
      const times = one?.parts.reduce((sum, count) => sum + count, 0) ?? 0;
      const sinceMs = now - (one?.lastAt ?? now);
      return [
        ...shares.map((all) => Math.log(all[k] ?? 1e-6)),
        one?.sitting === this.#sitting && sinceMs < sittingMs * 4 ? 1 : 0,
        -Math.log1p(Math.max(0, sinceMs) / 3_600_000),
        Math.log(((one?.parts[part] ?? 0) + 0.5) / (times + 0.5 * dayParts)) + Math.log(dayParts),
        id === before ? 1 : 0,
        follows.has(id) ? 1 : 0,
        now - (one?.firstAt ?? 0) < 2 * dayMs ? 1 : 0,
      ];
    });
  }

  #follow(id: string, at: number): void {
    if (this.current === null) return;
    const follows = this.#follows.get(this.current) ?? new Map<string, Follow>();
    const follow = follows.get(id) ?? { all: 0, lately: new Fading() };
    follow.all += 1;
    follow.lately.add(at, switchMs);
    follows.set(id, follow);
    this.#follows.set(this.current, follows);
    const pair = pairOf(this.before, this.current);
    const pairs = this.#pairs.get(pair) ?? new Map<string, number>();
    pairs.set(id, (pairs.get(id) ?? 0) + 1);
    this.#pairs.delete(pair);
    this.#pairs.set(pair, pairs);
  }

  /** Forgets the least recently used workflows, and their followers. */
  #forget(): void {
    for (const oldest of [...this.#known.keys()].slice(0, -most)) {
      this.#known.delete(oldest);
      this.#follows.delete(oldest);
      for (const follows of this.#follows.values()) follows.delete(oldest);
    }
    for (const oldest of [...this.#pairs.keys()].slice(0, -most * 10)) this.#pairs.delete(oldest);
  }
}

function pairOf(before: string | null, current: string | null): string {
  return `${before ?? ''}\n${current ?? ''}`;
}

function partOf(at: number): number {
  return Math.floor(((at % dayMs) / dayMs) * dayParts);
}

function normalised(counts: readonly number[], least: number): number[] {
  const sum = counts.reduce((all, count) => all + count + least, 0);
  return counts.map((count) => (count + least) / sum);
}

/** Counts as shares, smoothed with the usual share of each; the fewer counts, the more. */
function backedOff(counts: readonly number[], usual: readonly number[]): number[] {
  const sum = counts.reduce((all, count) => all + count, 0);
  return counts.map((count, k) => (count + 2 * (usual[k] ?? 0)) / (sum + 2));
}
