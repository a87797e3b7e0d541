import { lockDirectory } from '../catalog/lock.ts';
import { type CacheError, sentenceOf } from '../core/errors.ts';
import type { TierState } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { PosixTier } from '../tiers/tier.ts';

export interface CacheWatchDeps {
  /** The tiers in the cache directory; the first one's directory is the cache directory itself. */
  tiers: readonly [PosixTier, ...PosixTier[]];
  events: Events;
  log: Log;
  /** The contents of the cache directory may have changed. */
  onBack(): void;
  /** Another daemon has taken the cache directory, whose locks were removed. */
  onLost?(why: CacheError): void;
}

/** Pause between two checks, ms: a user may wait for an away disk. */
const lookMs = { here: 10_000, away: 2_000 };

/**
 * Holds the cache directory for this daemon, and checks whether its disk is present. While it is away nothing is written, deleted or
 * forgotten, which the tiers ensure themselves. When it is back they are opened, and their files are accounted for again.
 */
export class CacheWatch implements AsyncDisposable {
  readonly #deps: CacheWatchDeps;
  readonly #looking: Periodic;
  #state: TierState;
  #unlock: (() => void) | null = null;

  /** @throws CacheError ALREADY_RUNNING when another daemon has the cache directory */
  constructor(deps: CacheWatchDeps) {
    this.#deps = deps;
    const [cache] = deps.tiers;
    this.#state = cache.state();
    if (this.#state === 'here') this.#lock();
    else this.#say();
    const onError = (err: unknown) => deps.log.error({ err }, 'looking at the cache disk failed');
    const everyMs = () => (this.#state === 'here' ? lookMs.here : lookMs.away);
    this.#looking = new Periodic(() => this.look(), { everyMs, onError });
  }

  /** Starts periodic checks; returns at once. */
  start(): void {
    this.#looking.later();
  }

  /** Checks the disk once, and reports changes. */
  look(): void {
    const { tiers, onBack } = this.#deps;
    const [cache] = tiers;
    const state = cache.present();
    // It may have gone and come back between two checks.
    const isBack = state !== 'away' && cache.state() === 'away';
    if (state === this.#state && !isBack) return;
    if (state === 'here' && !this.#isLockedAnew()) return;
    this.#state = state;
    if (isBack || state === 'here') for (const tier of tiers) if (tier.present() !== 'away') tier.open();
    this.#say();
    if (isBack) onBack();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking[Symbol.asyncDispose]();
    this.#unlock?.();
  }

  #lock(): void {
    const { tiers, onLost } = this.#deps;
    this.#unlock = lockDirectory(tiers[0].dir, 'cache directory', onLost && { onLost });
  }

  /** Takes the lock again, because the earlier one was on the disk that went. */
  #isLockedAnew(): boolean {
    this.#unlock?.();
    this.#unlock = null;
    try {
      this.#lock();
      return true;
    } catch (error) {
      this.#deps.log.error({ why: sentenceOf(error) }, 'the cache disk is back and cannot be used');
      return false;
    }
  }

  #say(): void {
    const { tiers, events, log } = this.#deps;
    const [{ dir }] = tiers;
    const state = this.#state;
    events.emit('cache-disk', { dir, state });
    if (state === 'here') log.info({ dir }, 'the cache disk is there');
    else if (state === 'read-only')
      log.warn({ dir }, 'nothing can be written to the cache disk: copies are served, none are made or removed');
    else log.warn({ dir }, 'the cache disk is away: sources are used, nothing is forgotten');
  }
}
