import { randomUUID } from 'node:crypto';
import { CacheError } from '../core/errors.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Asker, Presence } from './asker.ts';
import { resultName } from './result-name.ts';

/** Maximum number of waiters of a key; further ones compute. */
const mostWaiting = 1000;
/** Maximum number of remembered lost leases, by which a late result differs from one with an invented lease. */
const mostLost = 10_000;

/** The right to compute a key, given to one asker at a time. */
export interface Lease {
  id: string;
  ns: string;
  key: string;
  ms: number;
  /** The pid of the holder, if known. */
  pid: number | null;
  /** Grows with every lease: of two results, the one of the higher fence is the later one. */
  fence: number;
  /** When it was given, monotonic ms. */
  since: number;
  /** Whether its result was invalidated before it came. */
  isVoid: boolean;
}

/** The outcome of a wait. */
export type Outcome<Result> =
  | { state: 'done'; result: Result }
  | { state: 'compute'; lease: Lease }
  | { state: 'error'; error: string }
  | { state: 'timeout' };

interface Waiter<Result> {
  asker: Asker;
  tell(outcome: Outcome<Result>): void;
}

interface Flight<Result> {
  lease: Lease;
  timer: NodeJS.Timeout;
  unwatch: () => void;
  /** The waiters, the oldest first. */
  waiting: Set<Waiter<Result>>;
  /** The result while it is being stored. */
  result: Result | null;
}

/**
 * One computation of a key at a time, over all programs: the first asker gets a lease, the others wait here for its result. When the
 * holder ends or is silent, the oldest waiter gets the next one. There are never two holders.
 */
export class Flights<Result> implements Disposable {
  readonly #clock: Clock;
  readonly #flights = new Map<string, Flight<Result>>();
  readonly #leases = new Map<string, Flight<Result>>();
  readonly #lost = new Map<string, Lease>();
  #fence: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    // Fences grow over restarts, too.
    this.#fence = clock.now();
  }

  get computing(): number {
    return this.#flights.size;
  }

  get waiting(): number {
    return [...this.#flights.values()].reduce((sum, { waiting }) => sum + waiting.size, 0);
  }

  /** A lease for the key; null when another asker holds one. */
  lease(ns: string, key: string, asker: Asker): Lease | null {
    return this.#flights.has(resultName({ ns, key })) ? null : this.#give({ ns, key, asker, waiting: new Set() });
  }

  /** Waits for the result of the holder of the key. */
  wait(ns: string, key: string, asker: Asker, waitMs: number): Promise<Outcome<Result>> {
    const flight = this.#flights.get(resultName({ ns, key }));
    if (flight && flight.result !== null && !flight.lease.isVoid)
      return Promise.resolve({ state: 'done', result: flight.result });
    if (!flight || flight.waiting.size >= mostWaiting || waitMs === 0) return Promise.resolve({ state: 'timeout' });
    return new Promise((resolve) => {
      const leave = () => {
        // The flight of the key may be a later one by now.
        this.#flights.get(resultName({ ns, key }))?.waiting.delete(waiter);
        waiter.tell({ state: 'timeout' });
      };
      const timer = setTimeout(leave, waitMs);
      const unwatch = asker.waits.onGone(leave);
      const waiter: Waiter<Result> = {
        asker,
        tell: (outcome) => {
          clearTimeout(timer);
          unwatch();
          resolve(outcome);
        },
      };
      flight.waiting.add(waiter);
    });
  }

  /** The results of these keys, when they come, are not stored; null = of all namespaces, of all keys. */
  voidResults(ns: string | null, keys: readonly string[] | null): void {
    const names = keys && new Set(keys);
    for (const { lease } of this.#flights.values())
      if ((ns === null || lease.ns === ns) && (names === null || names.has(lease.key))) lease.isVoid = true;
  }

  /** The lease by its id, and whether it is still held. @throws CacheError LEASE_LOST for an unknown one */
  find(id: string): { lease: Lease; held: boolean } {
    const lease = this.#leases.get(id)?.lease ?? this.#lost.get(id);
    if (!lease) throw new CacheError('LEASE_LOST', 'there is no such lease', { hint: 'Take the key again.' });
    return { lease, held: this.#leases.has(id) };
  }

  /** @throws CacheError LEASE_LOST when another asker may have it by now */
  renew(id: string, holder: (lease: Lease) => Presence): Lease {
    const flight = this.#leases.get(id);
    if (!flight)
      throw new CacheError('LEASE_LOST', 'this lease is over', {
        hint: 'Its result may be stored all the same, or take the key again.',
      });
    flight.timer.refresh();
    flight.unwatch();
    flight.unwatch = holder(flight.lease).onGone(() => this.#passOn(flight));
    return flight.lease;
  }

  /** The key has a result that is not stored yet: all waiters get it, and all askers until it is `done`. */
  tell(ns: string, key: string, result: Result): number {
    const flight = this.#flights.get(resultName({ ns, key }));
    if (!flight) return 0;
    flight.result = result;
    return this.#tellAll(flight, { state: 'done', result });
  }

  /** The key has a result: all waiters get it. */
  done(ns: string, key: string, result: Result): number {
    return this.#end(this.#flights.get(resultName({ ns, key })), { state: 'done', result });
  }

  /** The holder has failed: each waiter gets the error, once. */
  failed(id: string, error: string): number {
    return this.#end(this.#leases.get(id), { state: 'error', error });
  }

  /** The holder gives up: the oldest waiter gets the lease. Without effect for a lease that is over. */
  release(id: string): void {
    const flight = this.#leases.get(id);
    if (flight) this.#passOn(flight);
  }

  /** There is no result to share: all waiters compute. Without effect for a lease that is over. */
  dissolve(id: string): number {
    return this.#end(this.#leases.get(id), { state: 'timeout' });
  }

  [Symbol.dispose](): void {
    for (const flight of this.#flights.values()) this.#end(flight, { state: 'timeout' });
  }

  #give({ ns, key, asker, waiting }: { ns: string; key: string; asker: Asker; waiting: Flight<Result>['waiting'] }): Lease {
    this.#fence += 1;
    const { leaseMs: ms, pid, holds } = asker;
    const lease = { id: randomUUID(), ns, key, ms, pid, fence: this.#fence, since: this.#clock.monotonic(), isVoid: false };
    const passOn = () => this.#passOn(flight);
    const flight: Flight<Result> = { lease, timer: setTimeout(passOn, ms).unref(), unwatch: () => {}, waiting, result: null };
    this.#flights.set(resultName({ ns, key }), flight);
    this.#leases.set(lease.id, flight);
    flight.unwatch = holds.onGone(passOn);
    return lease;
  }

  #passOn(flight: Flight<Result>): void {
    this.#close(flight);
    const [oldest] = flight.waiting;
    if (!oldest) return;
    flight.waiting.delete(oldest);
    const { ns, key } = flight.lease;
    oldest.tell({ state: 'compute', lease: this.#give({ ns, key, asker: oldest.asker, waiting: flight.waiting }) });
  }

  #end(flight: Flight<Result> | undefined, outcome: Outcome<Result>): number {
    if (!flight) return 0;
    this.#close(flight);
    return this.#tellAll(flight, outcome);
  }

  #tellAll({ waiting }: Flight<Result>, outcome: Outcome<Result>): number {
    const told = [...waiting];
    waiting.clear();
    for (const waiter of told) waiter.tell(outcome);
    return told.length;
  }

  /** The lease is over. */
  #close(flight: Flight<Result>): void {
    clearTimeout(flight.timer);
    flight.unwatch();
    const { id, ns, key } = flight.lease;
    this.#flights.delete(resultName({ ns, key }));
    this.#leases.delete(id);
    this.#lost.set(id, flight.lease);
    const [oldest] = this.#lost.keys();
    if (this.#lost.size > mostLost && oldest !== undefined) this.#lost.delete(oldest);
  }
}
