import { createHash } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import { type FarmDemandSource, type FarmWishes, sumOf, type WantedFile } from '../core/farm-wishes.ts';
import { sourceDigestOf } from '../core/source-name.ts';
import { halfLifeMs, noOrder } from '../core/votes.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { Demanded, DemandTable } from './demand-table.ts';

export interface FarmDemandDeps {
  table: Pick<DemandTable, 'wanted' | 'all'>;
  /** Number of live hosts without this one. */
  others(): number;
  /** Wall-clock ms. */
  now(): number;
  log: Log;
}

/** Interval between tries to report pending wishes, ms. */
const roundMs = 5000;
/** Interval between two requests for the counts of all hosts, and after one that failed, ms. The savings are the same with an hour. */
const [askMs, retryMs] = [600_000, 60_000];
/** Time after which the last counts are not used any more, ms. */
const longestMs = 24 * 3_600_000;
/** Difference of the clocks of this host and of Redis, ms, that is ignored: counts are to change with wishes only. */
const clockMs = 60_000;
/** Maximum of pending wishes while Redis is away, and of names kept. */
const [mostWaiting, mostNames] = [1000, 10_000];

/**
 * Demand of a farm's hosts: each reports its wishes, and hears those of all every ten minutes. While Redis is away, the last ones count
 * for a day; nobody waits for them.
 */
export class FarmDemand implements AsyncDisposable, FarmDemandSource {
  readonly #deps: FarmDemandDeps;
  readonly #rounds: Periodic;
  readonly #names = new LRUCache<string, string>({ max: mostNames });
  #waiting: string[] = [];
  /** `ahead`: time of this host less that of Redis, half-lives. */
  #known: { orders: Demanded['orders']; ahead: number; wishes: FarmWishes; at: number } | null = null;
  #askAt = Number.NEGATIVE_INFINITY;

  constructor(deps: FarmDemandDeps) {
    this.#deps = deps;
    const onError = (error: unknown) => deps.log.debug({ err: error }, 'the demand of the farm waits for its Redis');
    this.#rounds = new Periodic(() => this.#round(), { everyMs: roundMs, onError });
  }

  begin(): void {
    void this.#rounds.now();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
  }

  heard(): FarmWishes | null {
    const known = this.#known;
    return known && known.orders.size > 0 && performance.now() - known.at < longestMs ? known.wishes : null;
  }

  wished(file: WantedFile): void {
    this.#waiting = [...this.#waiting, this.#nameOf(file)].slice(-mostWaiting);
    void this.#rounds.now();
  }

  async #round(): Promise<void> {
    const { table } = this.#deps;
    const told = this.#waiting;
    if (told.length > 0) {
      await table.wanted(told);
      this.#waiting = this.#waiting.filter((_, at) => at >= told.length);
    }
    if (performance.now() < this.#askAt) return;
    this.#askAt = performance.now() + retryMs;
    this.#hear(await table.all());
    this.#askAt = performance.now() + askMs;
  }

  #hear({ now, orders }: Demanded): void {
    const before = this.#known;
    const measured = this.#deps.now() / halfLifeMs - now;
    const isSame = before !== null && Math.abs(measured - before.ahead) * halfLifeMs < clockMs;
    const ahead = isSame ? before.ahead : measured;
    const fell = isSame && [...before.orders].some(([name, order]) => (orders.get(name) ?? noOrder) < order);
    const { others } = this.#deps;
    const wishes: FarmWishes = {
      of: (file) => (orders.get(this.#nameOf(file)) ?? noOrder) + ahead,
      all: sumOf(orders.values()) + ahead,
      get others() {
        return others();
      },
      era: (before?.wishes.era ?? 0) + Number(fell || !isSame),
    };
    this.#known = { orders, ahead, wishes, at: performance.now() };
  }

  /** Names one content: a replaced file has another name. */
  #nameOf({ path, fingerprint: { size, mtimeNs }, ...source }: WantedFile): string {
    const key = `${path}\n${size}\n${mtimeNs}`;
    const known = this.#names.get(key);
    if (known !== undefined) return known;
    const hash = createHash('sha256').update(`${sourceDigestOf(source)}\n${size}\n${mtimeNs}`);
    const name = hash.digest('base64url').slice(0, 22);
    this.#names.set(key, name);
    return name;
  }
}
