import type { MemoMode, MemoSimilarAnswer } from '../api/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import { type FindDeps, type Found, find, type Question } from './find.ts';
import type { Opened } from './opened.ts';
import type { PutRequest } from './put.ts';
import type { SharedLayer } from './shared-layer/shared-layer.ts';
import type { AskedText } from './similar/asked-text.ts';
import { Similar, type SimilarDeps } from './similar/similar.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Store } from './store.ts';

export interface FinderDeps extends SimilarDeps {
  clock: Clock;
  sources: SourceDeps;
  opened: Opened;
  /** Null where results are not shared. */
  shared: SharedLayer | null;
  mode(): MemoMode;
}

/** Looks for results: here, in Redis, and for texts in other words. A failure is a miss: the program computes. */
export class Finder {
  readonly #deps: FinderDeps;
  readonly #similar: Similar;

  constructor(deps: FinderDeps) {
    this.#deps = deps;
    this.#similar = new Similar(deps);
  }

  /** Whether texts can be compared by their meaning. */
  get canEmbed(): boolean {
    return this.#deps.embedder !== null;
  }

  /** The result of a key. */
  find({ ns, key, as }: Question): Promise<Found | null> {
    return this.#orNull(async (store) => {
      const found = await find(this.#findDeps, store, { ns, key, as });
      return found ?? (await this.#deps.shared?.find(store, { ns, key, as })) ?? null;
    });
  }

  /** The result of a differently worded text, if an exact question for that text would still find it. */
  async findAlike({ ns, key, as, asked }: Question): Promise<Found | null> {
    if (!asked) return null;
    return this.#orNull(async (store) => {
      const alike = await this.#similar.servable(store, { ns, key, asked });
      const found = alike && (await find(this.#findDeps, store, { ns, key: alike.entry.key, as }));
      return found && { ...found, likeness: alike.likeness };
    });
  }

  /** The texts asked in similar words, the nearest first; no result is served. */
  async similar(ns: string, asked: { text: string; scope: string | null }, most: number): Promise<MemoSimilarAnswer> {
    const now = this.#deps.clock.now();
    const answer = await this.#orNull((store) => this.#similar.suggestions(store, ns, asked, { now, most }));
    return answer ?? { similar: [] };
  }

  /** Remembers the text of a result that was just stored, after the answer. */
  learn({ ns, key, asked, verdict }: Pick<PutRequest, 'ns' | 'key' | 'verdict'> & { asked: AskedText }): void {
    void this.#orNull(async (store) => {
      await this.#similar.learn(store, { ns, key, asked }, verdict ?? null);
      return null;
    });
  }

  isThere({ ns, key }: Question): boolean {
    try {
      return this.#store?.find(ns, key) !== undefined;
    } catch (error) {
      this.#deps.opened.trouble(error);
      return false;
    }
  }

  get #findDeps(): FindDeps {
    return { clock: this.#deps.clock, sources: this.#deps.sources };
  }

  /** Null when nothing is served. */
  get #store(): Store | null {
    return this.#deps.mode() === 'off' ? null : this.#deps.opened.store;
  }

  async #orNull<T>(look: (store: Store) => Promise<T | null>): Promise<T | null> {
    const store = this.#store;
    try {
      return store && (await look(store));
    } catch (error) {
      // An error of a store that was closed meanwhile is expected.
      if (this.#deps.opened.open === store) this.#deps.opened.trouble(error);
      return null;
    }
  }
}
