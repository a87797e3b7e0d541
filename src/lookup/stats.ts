import type { Percentiles } from '../api/stats.ts';
import type { Purpose, Reason } from '../core/types.ts';

export interface DecisionRecord {
  /** Wall clock, ms. */
  at: number;
  path: string;
  reason: Reason;
  purpose: Purpose;
  app: string | null;
}

const keepDecisions = 2000;
const keepLatencies = 4096;

/** Statistics of lookups since the start: for `status`, `explain` and metrics. Bounded memory. */
export class LookupStats {
  lookups = 0;
  readonly byReason = new Map<Reason, number>();
  #decisions: DecisionRecord[] = [];
  #next = 0;
  readonly #latency = { hit: new Ring(keepLatencies), miss: new Ring(keepLatencies) };

  record(decision: DecisionRecord, latencyMs: number): void {
    this.lookups += 1;
    this.byReason.set(decision.reason, (this.byReason.get(decision.reason) ?? 0) + 1);
    this.#decisions[this.#next] = decision;
    this.#next = (this.#next + 1) % keepDecisions;
    this.#latency[isHit(decision.reason) ? 'hit' : 'miss'].push(latencyMs);
  }

  /** Newest first. */
  decisionsOn(path: string): DecisionRecord[] {
    const ordered = [...this.#decisions.slice(this.#next), ...this.#decisions.slice(0, this.#next)];
    return ordered.filter((decision) => decision.path === path).reverse();
  }

  /** Of the last lookups. */
  latencyMs(): { hit: Percentiles; miss: Percentiles } {
    return { hit: this.#latency.hit.percentiles(), miss: this.#latency.miss.percentiles() };
  }

  /** Of all lookups. */
  totalMs(): { hit: Total; miss: Total } {
    return { hit: this.#latency.hit.total(), miss: this.#latency.miss.total() };
  }
}

/** True when the answer was a copy. */
export function isHit(reason: Reason): boolean {
  return reason.startsWith('HIT');
}

const missReasons: ReadonlySet<Reason> = new Set([
  'COPYING',
  'QUEUED',
  'WAIT_TIMEOUT',
  'STALE',
  'NOT_ADMITTED',
  'NO_SPACE',
  'READ_ONLY',
]);

/** True when the source was served although a copy was wanted; a bypass is no miss. */
export function isMiss(reason: Reason): boolean {
  return missReasons.has(reason);
}

interface Total {
  count: number;
  ms: number;
}

class Ring {
  readonly #values: Float64Array;
  #count = 0;
  #sum = 0;

  constructor(size: number) {
    this.#values = new Float64Array(size);
  }

  push(value: number): void {
    this.#values[this.#count % this.#values.length] = value;
    this.#count += 1;
    this.#sum += value;
  }

  total(): Total {
    return { count: this.#count, ms: this.#sum };
  }

  percentiles(): Percentiles {
    const sorted = this.#values.slice(0, Math.min(this.#count, this.#values.length)).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
    return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
  }
}
