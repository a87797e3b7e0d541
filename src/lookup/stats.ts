import type { Percentiles } from '../api/stats.ts';
import type { Purpose, Reason } from '../core/types.ts';
import { Latency } from '../runtime/latency.ts';

export interface DecisionRecord {
  /** Wall clock, ms. */
  at: number;
  path: string;
  reason: Reason;
  purpose: Purpose;
  app: string | null;
}

const keepDecisions = 2000;

/** Statistics of lookups since the start: for `status`, `explain` and metrics. Bounded memory. */
export class LookupStats {
  lookups = 0;
  readonly byReason = new Map<Reason, number>();
  #decisions: DecisionRecord[] = [];
  #next = 0;
  readonly latency = { hit: new Latency(), miss: new Latency() };

  record(decision: DecisionRecord, latencyMs: number): void {
    this.lookups += 1;
    this.byReason.set(decision.reason, (this.byReason.get(decision.reason) ?? 0) + 1);
    this.#decisions[this.#next] = decision;
    this.#next = (this.#next + 1) % keepDecisions;
    this.latency[isHit(decision.reason) ? 'hit' : 'miss'].push(latencyMs);
  }

  /** Newest first. */
  decisionsOn(path: string): DecisionRecord[] {
    const ordered = [...this.#decisions.slice(this.#next), ...this.#decisions.slice(0, this.#next)];
    return ordered.filter((decision) => decision.path === path).reverse();
  }

  /** Of the last lookups. */
  latencyMs(): { hit: Percentiles; miss: Percentiles } {
    return { hit: this.latency.hit.percentiles(), miss: this.latency.miss.percentiles() };
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
