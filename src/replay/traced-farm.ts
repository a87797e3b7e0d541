import type { FarmDemandSource, FarmWishes, WantedFile } from '../core/farm-wishes.ts';
import { halfLifeMs, lastingSum, noOrder } from '../core/votes.ts';
import type { Read } from './trace.ts';

/** Interval at which hosts hear what the others have wanted, as in a real farm (farm/farm-demand.ts), seconds. */
const hearEvery = 600;

/** What the hosts of a trace know of each other's wishes: those until some minutes ago, as in a farm. */
export class TracedFarm implements FarmDemandSource {
  readonly #others: number;
  /** By path: lasting orders of all wishes, of those already heard, and the paths that differ. */
  readonly #wished = new Map<string, number>();
  readonly #told = new Map<string, number>();
  readonly #news = new Set<string>();
  #all = noOrder;
  #at = Number.NEGATIVE_INFINITY;
  #heardAt = Number.NEGATIVE_INFINITY;
  #heard: FarmWishes | null = null;

  constructor(hosts: number) {
    this.#others = hosts - 1;
  }

  /** @param at seconds since the beginning of the trace @param before called before the hosts hear of each other again */
  until(at: number, before: () => void): void {
    this.#at = at;
    if (at - this.#heardAt < hearEvery) return;
    before();
    this.#heardAt = at;
    for (const path of this.#news) this.#told.set(path, this.#wished.get(path) ?? noOrder);
    this.#news.clear();
    if (this.#all > noOrder)
      this.#heard = { of: ({ path }) => this.#told.get(path) ?? noOrder, all: this.#all, others: this.#others, era: 0 };
  }

  heard(): FarmWishes | null {
    return this.#heard;
  }

  wished({ path }: Pick<WantedFile, 'path'>): void {
    const wish = (this.#at * 1000) / halfLifeMs;
    this.#wished.set(path, lastingSum(this.#wished.get(path) ?? noOrder, wish));
    this.#all = lastingSum(this.#all, wish);
    this.#news.add(path);
  }
}

/** The reads of all hosts in the order of their times, each with its host. */
export function* inOrder(hosts: readonly (readonly Read[])[]): Generator<{ read: Read; host: number }> {
  const next = hosts.map(() => 0);
  for (;;) {
    let first: Read | undefined;
    let host = 0;
    for (let k = 0; k < hosts.length; k++) {
      const read = hosts[k]?.[next[k] ?? 0];
      if (read && (!first || read.at < first.at)) [first, host] = [read, k];
    }
    if (!first) return;
    yield { read: first, host };
    next[host] = (next[host] ?? 0) + 1;
  }
}
