import { hash } from 'node:crypto';
import type { MemoSharedExplanation, MemoSharedStats } from '../../api/memo.ts';
import { CacheError } from '../../core/errors.ts';
import { formatDuration } from '../../core/format.ts';
import type { RedisServers } from '../../core/redis-servers.ts';
import type { Pauses } from '../../redis/breaker.ts';
import { RedisLink } from '../../redis/link.ts';
import { RedisTrouble } from '../../redis/trouble.ts';
import type { Clock } from '../../runtime/clock.ts';
import { InFlight } from '../../runtime/in-flight.ts';
import type { Log } from '../../runtime/log.ts';
import { type FindDeps, type Found, find, type Question } from '../find.ts';
import type { Store } from '../store.ts';
import { Delivery } from './delivery.ts';
import { type Arrived, arrived, keep, unkept } from './incoming.ts';
import type { SharedWith } from './owed.ts';
import { RemoteValues } from './remote-values.ts';

export interface SharedLayerDeps extends FindDeps {
  servers: RedisServers;
  clock: Clock;
  log: Log;
  /** The store that is open. */
  store(): Store | null;
  /** Whether results may be stored here. */
  isKeeping(): boolean;
  /** Deadline of a read that an asker waits for, ms. */
  deadlineMs?: number;
  pauses?: Pauses;
}

const usualDeadlineMs = 50;

/**
 * The layer behind memory and disk: results of other machines, in Redis. It is asked for missing results, with a short deadline, and
 * its values are kept here. Results stored here are sent to it after the answer.
 */
export class SharedLayer implements AsyncDisposable {
  readonly #deps: SharedLayerDeps;
  readonly #link: RedisLink;
  readonly #values: RemoteValues;
  readonly #delivery: Delivery;
  readonly #asking = new InFlight<string, Found | null>();
  readonly #counts = { hits: 0, misses: 0, skipped: 0, failed: 0, damaged: 0 };

  constructor(deps: SharedLayerDeps) {
    const { servers, log, pauses } = deps;
    this.#deps = deps;
    this.#link = new RedisLink({ servers, log, pauses, purpose: 'results', onUp: () => this.#delivery.wake() });
    this.#values = new RemoteValues(this.#link, deps.deadlineMs ?? usualDeadlineMs);
    this.#delivery = new Delivery({ ...deps, values: this.#values, isUp: () => this.#link.state.state === 'up' });
  }

  /** For the store, which records the changes that Redis has yet to receive. */
  get sharedWith(): SharedWith {
    const { kind, nodes, database, master } = this.#deps.servers;
    const server = hash('sha256', JSON.stringify([kind, nodes, database, master])).slice(0, 32);
    return { server, onOwed: () => this.#delivery.wake() };
  }

  /** A result that is not here. Never throws for a fault of Redis. */
  find(store: Store, question: Question): Promise<Found | null> {
    const { ns, key, as } = question;
    if (this.#link.state.state === 'up' && !store.owed.concerns(ns, key))
      return this.#asking.run(`${as}\0${ns}\0${key}`, () => this.#ask(store, question));
    this.#counts.skipped += 1;
    return Promise.resolve(null);
  }

  stats(): MemoSharedStats {
    const { stored, removed, refused } = this.#delivery;
    return { ...this.#link.state, ...this.#counts, ...{ stored, removed, refused }, owed: this.#deps.store()?.owed.count ?? 0 };
  }

  /** The present answer for a key, for `explain`. */
  async explain(ns: string, key: string): Promise<MemoSharedExplanation> {
    const { state, why } = this.#link.state;
    if (state !== 'up') return { state: 'unknown', why: `Redis is left out: ${why ?? 'it is being connected to'}` };
    if (this.#deps.store()?.owed.concerns(ns, key)) return { state: 'unknown', why: 'Redis has still to be told of a change' };
    try {
      const read = await this.#values.read(ns, key);
      if (read.state !== 'found') return { state: 'miss', why: `in Redis: ${read.state}` };
      const value = arrived(read.framed, read.elapsedMs, this.#deps.clock.now());
      if (!(await this.#isOfSameFiles(value)))
        return { state: 'miss', why: 'in Redis it is of a file that is another one here' };
      const { freshUntil } = value;
      if (freshUntil === null) return { state: 'hit', why: 'in Redis it is kept without end' };
      const leftMs = freshUntil - this.#deps.clock.now();
      if (leftMs <= 0) return { state: 'stale', why: `in Redis it was fresh until ${formatDuration(-leftMs)} ago` };
      return { state: 'hit', why: `in Redis it is fresh for ${formatDuration(leftMs)}` };
    } catch (error) {
      if (!(error instanceof RedisTrouble)) throw error;
      return { state: 'unknown', why: `Redis: ${error.message}` };
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link[Symbol.asyncDispose]();
    await this.#delivery[Symbol.asyncDispose]();
    await this.#asking.settled();
  }

  async #ask(store: Store, question: Question): Promise<Found | null> {
    const { ns, key } = question;
    const { generation } = store.owed;
    try {
      const read = await this.#values.read(ns, key);
      if (read.state === 'damaged') return await this.#dropDamaged(ns, key);
      const value = read.state === 'found' ? arrived(read.framed, read.elapsedMs, this.#deps.clock.now()) : null;
      if (!value || !(await this.#isOfSameFiles(value))) {
        this.#counts.misses += 1;
        return null;
      }
      const isValid = () => store.owed.generation === generation && !store.owed.concerns(ns, key);
      const found = await this.#served(store, value, { question, isValid });
      this.#counts[found ? 'hits' : 'misses'] += 1;
      return found;
    } catch (error) {
      if (error instanceof CacheError && error.code === 'HASH_MISMATCH') return this.#dropDamaged(ns, key);
      if (!(error instanceof RedisTrouble)) throw error;
      this.#counts.failed += 1;
      return null;
    }
  }

  async #served(
    store: Store,
    value: Arrived,
    { question, isValid }: { question: Question; isValid: () => boolean },
  ): Promise<Found | null> {
    const isKept = this.#deps.isKeeping() && (await keep(store, value, isValid).catch(noRoom));
    const found = isKept ? await find(this.#deps, store, question) : null;
    if (found) return { ...found, layer: 'redis' };
    return isValid() ? unkept(value, this.#deps.clock) : null;
  }

  /** Whether the files of a result are the same here; in doubt they are not. */
  async #isOfSameFiles({ framed }: Arrived): Promise<boolean> {
    const states = await Promise.all(framed.head.deps.map((dep) => this.#deps.sources.compare(dep)));
    return states.every((state) => state === 'same');
  }

  async #dropDamaged(ns: string, key: string): Promise<null> {
    this.#counts.damaged += 1;
    this.#deps.log.warn({ ns }, 'a value in Redis was damaged; it is removed');
    await this.#values.remove(ns, key).catch(() => {});
    return null;
  }
}

function noRoom(error: unknown): boolean {
  if (error instanceof CacheError && error.code === 'NO_SPACE') return false;
  throw error;
}
