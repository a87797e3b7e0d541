import { setImmediate as nextTurn } from 'node:timers/promises';
import type { MissesAnswer } from '../api/loads.ts';
import { dayMs, type PastLoad } from '../core/loads.ts';
import { defaultTier } from '../core/types.ts';
import type { policies } from '../policy/policies.ts';
import { missCurve, worthiest } from '../replay/miss-curve.ts';
import { RecordedTrace, TraceLines } from '../replay/recorded.ts';
import type { Services } from './services.ts';

export type RecordedServices = Pick<Services, 'catalog' | 'settings' | 'tiers' | 'bound' | 'clock'>;

/** The time that is counted, and that of which loads are replayed, ms. */
const [countedMs, replayedMs] = [30 * dayMs, 365 * dayMs];
/** A curve is made anew after this time, ms, or when limit or policy have changed. */
const keptMs = 10 * 60_000;
/** Sizes as parts of the limit. */
const parts = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
/** Loads that are read from the catalog between two turns. */
const perTurn = 400;

/** What the recorded loads tell. */
export class RecordedLoads {
  readonly #services: RecordedServices;
  #misses: { key: string; at: number; answer: Promise<MissesAnswer> } | null = null;

  constructor(services: RecordedServices) {
    this.#services = services;
  }

  /** The loads as a trace, CSV, without any name. */
  async trace(): Promise<string> {
    const lines = new TraceLines();
    const all: string[] = [lines.title];
    for await (const load of this.#past(0)) all.push(lines.line(load));
    return `${all.join('\n')}\n`;
  }

  /** The miss curve of the last 30 days; what was loaded in the year before fills the replayed cache. */
  misses(): Promise<MissesAnswer> {
    const { clock } = this.#services;
    const { limit, policy } = this.#rules();
    const key = `${limit} ${policy}`;
    const at = clock.monotonic();
    if (this.#misses?.key === key && at - this.#misses.at < keptMs) return this.#misses.answer;
    const answer = this.#curve(limit, policy);
    this.#misses = { key, at, answer };
    // A failure is not kept, and neither is that there was no load yet.
    const drop = () => (this.#misses = null);
    answer.then(({ loads }) => loads === 0 && drop(), drop);
    return answer;
  }

  async #curve(limit: number, policy: keyof typeof policies): Promise<MissesAnswer> {
    const since = this.#services.clock.now() - countedMs;
    const recorded = new RecordedTrace();
    let [loads, earliest] = [0, null as number | null];
    for await (const load of this.#past(0)) {
      earliest ??= load.at;
      if (load.at >= since) loads += 1;
      if (load.at >= since - replayedMs) recorded.add(load);
    }
    const trace = recorded.trace('recorded');
    const { start } = recorded;
    const from = start === null ? 0 : (since - start) / 1000;
    const sizes = trace.footprint === 0 ? [] : sizesFor(limit, trace.footprint);
    const curve = await missCurve(trace, { sizes, policy, from });
    return {
      since: new Date(since).toISOString(),
      start: earliest === null ? null : new Date(Math.floor(earliest / dayMs) * dayMs).toISOString(),
      loads,
      footprint: trace.footprint,
      limit,
      policy,
      ...curve,
      more: worthiest(curve.points, limit),
    };
  }

  async *#past(since: number): AsyncGenerator<PastLoad> {
    const { loads, usage } = this.#services.catalog;
    usage.flush();
    let read = 0;
    for (const load of loads.past(since)) {
      yield load;
      read += 1;
      if (read % perTurn === 0) await nextTurn();
    }
  }

  #rules(): { limit: number; policy: keyof typeof policies } {
    const { settings, tiers, bound } = this.#services;
    return { limit: bound(tiers.require(defaultTier)).limit, policy: settings.current.policy as keyof typeof policies };
  }
}

/** Around the limit, up to the first that holds everything. */
function sizesFor(limit: number, footprint: number): number[] {
  const larger = parts.map((part) => Math.round(part * limit)).filter((size) => size <= limit || size < footprint);
  return [...new Set(footprint > limit ? [...larger, footprint] : larger)].sort((a, b) => a - b);
}
