import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { TierState } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { isDamage } from '../sqlite/damage.ts';
import { isBusy } from '../sqlite/trouble.ts';
import { claim } from '../tiers/marker.ts';
import { Staging } from './staging.ts';
import { Store, type StoreDeps } from './store.ts';
import { tidyAfterStart, tidyNow } from './tidy.ts';

export interface OpenedDeps extends Omit<StoreDeps, 'onTrouble' | 'onDamaged' | 'isOwedLost'> {
  /** State of the cache directory. */
  state(): TierState;
  log: Log;
  events: Events;
}

const nothingStored = 'nothing is stored';
const flushMs = 500;
const tidyMs = 60_000;
/** Retry interval after a failure, and between two lines of the log about a locked file, ms. */
const againMs = 30_000;

/**
 * The store, opened at its first use, while its disk is present. A damaged file of results is set aside, and the next one begins
 * empty: lost results can be computed again.
 */
export class Opened implements AsyncDisposable {
  readonly #deps: OpenedDeps;
  readonly #flushing: Periodic;
  readonly #tidying: Periodic;
  #store: Store | null = null;
  #staging: Staging | null = null;
  /** Earliest time of the next attempt to open it, monotonic ms. */
  #notBefore = 0;
  /** A locked file is not logged again before, monotonic ms. */
  #quietUntil = 0;
  #ended = new AbortController();
  /** Whether the file of results was removed for its damage, and owed changes with it. */
  #isOwedLost = false;

  constructor(deps: OpenedDeps) {
    this.#deps = deps;
    const onError = (error: unknown) => this.trouble(error);
    this.#flushing = new Periodic(() => deps.state() === 'here' && this.#store?.flush(), { everyMs: flushMs, onError });
    this.#tidying = new Periodic(() => this.#store && deps.state() === 'here' && tidyNow(this.#store, deps.clock.now()), {
      everyMs: tidyMs,
      onError,
    });
  }

  /** Null while it cannot be used. */
  get store(): Store | null {
    return this.#store ?? this.#open();
  }

  /** The same, but makes no store where none exists. */
  get existing(): Store | null {
    return this.#store ?? (existsSync(join(this.#deps.dir, 'memo.db')) ? this.#open() : null);
  }

  /** Why `existing` is null. */
  get whyNone(): string {
    const { dir, state } = this.#deps;
    if (state() === 'away') return 'the cache disk is away';
    return existsSync(join(dir, 'memo.db')) ? "the results cannot be opened; see the daemon's log" : nothingStored;
  }

  /** @throws CacheError CACHE_AWAY when there may be results, which cannot be reached now */
  assertEmpty(): void {
    const why = this.whyNone;
    if (why === nothingStored) return;
    throw new CacheError('CACHE_AWAY', `results cannot be removed now: ${why}`, { hint: 'Try again when they can be used.' });
  }

  /** The store, if it is open. */
  get open(): Store | null {
    return this.#store;
  }

  /**
   * Resolves when no other program holds the file locked; null when none does.
   * @throws CacheError BUSY when one does for more than 10 s
   */
  unlocked(): Promise<void> | null {
    const lock = this.existing?.lock;
    return !lock || lock.isWritable() ? null : lock.writable();
  }

  /** Files that programs fill for the store, if it is open. */
  get staging(): Staging | null {
    return this.#staging;
  }

  /** The disk of the cache has come or gone. */
  diskChanged(): void {
    if (this.#deps.state() === 'away') this.#close();
    else this.#notBefore = 0;
  }

  /** To be called with an error: damage costs the results, any other error only this answer. */
  trouble(error: unknown): void {
    const { log, state, clock } = this.#deps;
    // The store was closed during the failed call.
    if (!this.#store) return;
    // A program may hold the file locked for minutes, in which thousands of results are refused.
    if (isBusy(error)) {
      if (clock.monotonic() < this.#quietUntil) return;
      this.#quietUntil = clock.monotonic() + againMs;
    }
    log.error({ err: error }, 'the results are in trouble');
    if (isDamage(error)) {
      this.#close();
      this.#isOwedLost = true;
      for (const suffix of ['', '-wal', '-shm']) rmSync(join(this.#deps.dir, `memo.db${suffix}`), { force: true });
    } else if (state() === 'away') {
      this.#close();
      this.#notBefore = clock.monotonic() + againMs;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#notBefore = Number.POSITIVE_INFINITY;
    await this.#flushing[Symbol.asyncDispose]();
    await this.#tidying[Symbol.asyncDispose]();
    await this.#store?.publisher.settled();
    this.#close();
  }

  #open(): Store | null {
    const { dir, state, log, clock, events } = this.#deps;
    if (clock.monotonic() < this.#notBefore || state() === 'away') return null;
    try {
      claim(dir, 'AUTOCACHE_DIR');
      const onDamaged = (sha256: string, removed: number) => {
        log.warn({ sha256, removed }, 'a blob is missing or damaged; the results that had it are gone');
        events.emit('memo-damaged', { sha256, removed });
      };
      // Of the file that is open: a later one must not leave for the damage of an earlier one.
      const onTrouble = (error: unknown) => this.#store === store && this.trouble(error);
      const store: Store = new Store({ ...this.#deps, isOwedLost: this.#isOwedLost, onTrouble, onDamaged });
      this.#isOwedLost = false;
      if (store.damaged)
        log.error({ why: store.damaged }, 'the file of results was damaged; it is set aside, and begins empty');
      this.#store = store;
      this.#staging = new Staging(store);
      this.#flushing.later();
      this.#tidying.later();
      this.#ended = new AbortController();
      const { signal } = this.#ended;
      tidyAfterStart(store, dir, signal).catch((error) => signal.aborted || this.trouble(error));
      return store;
    } catch (error) {
      log.error({ why: toCacheError(error).message }, 'results are neither kept nor found');
      this.#notBefore = clock.monotonic() + againMs;
      return null;
    }
  }

  #close(): void {
    this.#ended.abort();
    const store = this.#store;
    this.#store = null;
    void this.#staging?.[Symbol.asyncDispose]();
    this.#staging = null;
    try {
      store?.[Symbol.dispose]();
    } catch (err) {
      this.#deps.log.warn({ err }, 'the last uses of results are not written');
    }
  }
}
