import { LRUCache } from 'lru-cache';
import type { MemoRefusal } from '../api/memo.ts';
import { toCacheError } from '../core/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { throttle } from '../runtime/throttle.ts';
import { resultName } from './result-name.ts';

/** Maximum number of results remembered by key, for `explain`. */
const most = 1000;
/** Minimum interval between two lines of the log, ms: a full disk refuses every result. */
const lineMs = 60_000;

interface OfKey {
  ns: string;
  key: string;
}

/** Why, as a code, and when, by the wall clock in ms. */
interface LateRefusal {
  reason: string;
  at: number;
}

/** Results that were answered as stored before their hash was known, and then could not be. In memory only. */
export class LateRefusals {
  readonly #clock: Clock;
  readonly #say: (refused: object) => void;
  readonly #recent = new LRUCache<string, LateRefusal>({ max: most });
  readonly #counts = new Map<string, Map<string, number>>();

  constructor({ clock, log }: { clock: Clock; log: Log }) {
    this.#clock = clock;
    const text = 'a result that was answered as stored could not be stored';
    this.#say = throttle(lineMs, clock, (refused) => log.warn({ ...refused, soFar: this.total }, text));
  }

  add({ ns, key }: OfKey, why: MemoRefusal | { error: unknown }): void {
    const error = typeof why === 'string' ? null : why.error;
    const reason = typeof why === 'string' ? why : toCacheError(error).code;
    const counts = this.#counts.get(ns) ?? new Map<string, number>();
    this.#counts.set(ns, counts.set(reason, (counts.get(reason) ?? 0) + 1));
    this.#recent.set(resultName({ ns, key }), { reason, at: this.#clock.now() });
    this.#say({ ns, key, reason, ...(error !== null && { err: error }) });
  }

  /** The last one of a key, unless a result was stored since. */
  of(one: OfKey): LateRefusal | undefined {
    return this.#recent.peek(resultName(one));
  }

  /** A result of the key was stored. */
  forget(one: OfKey): void {
    this.#recent.delete(resultName(one));
  }

  /** Numbers by namespace and reason. */
  *counts(): Iterable<[{ ns: string; reason: string }, number]> {
    for (const [ns, counts] of this.#counts) for (const [reason, count] of counts) yield [{ ns, reason }, count];
  }

  get total(): number {
    return [...this.counts()].reduce((sum, [, count]) => sum + count, 0);
  }
}
