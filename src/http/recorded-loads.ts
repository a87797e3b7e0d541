import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ColdAdvice, MissesAnswer } from '../api/loads.ts';
import { dayMs, type PastLoad } from '../core/loads.ts';
import { defaultTier } from '../core/types.ts';
import type { policies } from '../policy/policies.ts';
import { coldAdvice } from '../replay/cold-advice.ts';
import { missCurve, worthiest } from '../replay/miss-curve.ts';
import { type Ratios, RecordedTrace, TraceLines } from '../replay/recorded.ts';
import type { Trace } from '../replay/trace.ts';
import { CompressedRatios } from './compressed-ratios.ts';
import type { Services } from './services.ts';

export type RecordedServices = Pick<Services, 'catalog' | 'settings' | 'tiers' | 'bound' | 'clock'>;

/** The counted time, and the time of replayed loads, ms. */
const [countedMs, replayedMs] = [30 * dayMs, 365 * dayMs];
/** Age at which a curve is made again, ms; it also is when limit or policy have changed. */
const keptMs = 10 * 60_000;
/** Sizes as multiples of the limit. */
const parts = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
/** The tier of compressed copies. */
const coldTier = 'cold';
/** Loads read from the catalog between two turns of the event loop. */
const perTurn = 400;

/** Analyses of the recorded loads. */
export class RecordedLoads {
  readonly #services: RecordedServices;
  readonly #ratios: CompressedRatios;
  #misses: { key: string; at: number; answer: Promise<MissesAnswer> } | null = null;

  constructor(services: RecordedServices) {
    this.#services = services;
    this.#ratios = new CompressedRatios(services.catalog);
  }

  /** The loads as a trace, CSV, without any name. */
  async trace(): Promise<string> {
    const lines = new TraceLines(await this.#shrinking(0));
    const all: string[] = [lines.title];
    for await (const load of this.#past(0)) all.push(lines.line(load));
    return `${all.join('\n')}\n`;
  }

  /** The miss curve of the last 30 days; the loads of the year before fill the replayed cache. */
  misses(): Promise<MissesAnswer> {
    const { clock } = this.#services;
    const { limit, policy } = this.#rules();
    const key = `${limit} ${policy} ${this.#services.settings.current.compress}`;
    const at = clock.monotonic();
    if (this.#misses?.key === key && at - this.#misses.at < keptMs) return this.#misses.answer;
    const answer = this.#curve(limit, policy);
    this.#misses = { key, at, answer };
    // A failure is not kept, nor an answer without loads or copies.
    const drop = () => (this.#misses = null);
    answer.then(({ cold }) => cold === null && drop(), drop);
    return answer;
  }

  async #curve(limit: number, policy: keyof typeof policies): Promise<MissesAnswer> {
    const since = this.#services.clock.now() - countedMs;
    const recorded = new RecordedTrace(await this.#shrinking(since - replayedMs));
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
    const { points, sampled } = await missCurve(trace, { sizes, policy, from });
    return {
      since: new Date(since).toISOString(),
      start: earliest === null ? null : new Date(Math.floor(earliest / dayMs) * dayMs).toISOString(),
      loads,
      footprint: trace.footprint,
      limit,
      policy,
      points: points.map(({ bytes, seconds, misses }) => ({ bytes, seconds, misses })),
      more: worthiest(points, limit),
      cold: loads === 0 ? null : await this.#cold(trace, { limit, policy, from }),
      sampled,
    };
  }

  #cold(trace: Trace, rules: { limit: number; policy: keyof typeof policies; from: number }): Promise<ColdAdvice | null> {
    const { settings, catalog } = this.#services;
    const measured = catalog.speeds.load().find(({ place }) => place === coldTier)?.speed.sequential ?? null;
    const isOn = settings.current.compress === 'cold';
    return coldAdvice(trace, { ...rules, isOn, measured });
  }

  /** Compression ratios of the files that were loaded since. */
  async #shrinking(since: number): Promise<Ratios> {
    const paths = new Set<string>();
    for await (const { path } of this.#past(since)) paths.add(path);
    return this.#ratios.of(paths);
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

/** Sizes around the limit, up to the first that holds everything. */
function sizesFor(limit: number, footprint: number): number[] {
  const larger = parts.map((part) => Math.round(part * limit)).filter((size) => size <= limit || size < footprint);
  return [...new Set(footprint > limit ? [...larger, footprint] : larger)].sort((a, b) => a - b);
}
