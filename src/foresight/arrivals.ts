import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Fingerprint, SourceState } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';

interface ArrivalsDeps {
  stat(path: string): Promise<SourceState>;
  onWhole(path: string): void;
  clock: Pick<Clock, 'now'>;
  log: Log;
}

/** A file that has stayed as it is for so long is whole, ms. */
const usualQuietMs = 30_000;
/** One that has not changed for so long is back, not new, ms. */
const newMs = 24 * 3600 * 1000;
/** More at once are no downloads: a library is moved. */
const most = 32;

/** New files of the library, which may still be written to. */
export class Arrivals implements AsyncDisposable {
  readonly #deps: ArrivalsDeps;
  readonly #quietMs: number;
  /** As seen last; null before the first look. */
  readonly #seen = new Map<string, Fingerprint | null>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(deps: ArrivalsDeps, quietMs = usualQuietMs) {
    this.#deps = deps;
    this.#quietMs = quietMs;
  }

  /** These have appeared in a root. */
  note(paths: readonly string[]): void {
    if (this.#seen.size + paths.length > most) return;
    for (const path of paths) this.#seen.set(path, null);
    this.#arrange(0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }

  #arrange(ms: number): void {
    if (this.#ended || this.#seen.size === 0) return;
    this.#timer ??= setTimeout(() => {
      this.#looking = this.#look()
        .catch((err) => this.#deps.log.debug({ err }, 'new files could not be looked at'))
        .finally(() => {
          this.#timer = undefined;
          this.#arrange(this.#quietMs);
        });
    }, ms).unref();
  }

  /** One that is gone, or whose root is silent, is forgotten. */
  async #look(): Promise<void> {
    const seen = [...this.#seen];
    this.#seen.clear();
    for (const [path, before] of seen) {
      const state = await this.#deps.stat(path);
      if (state.state !== 'present' || !this.#isNew(state.fingerprint)) continue;
      if (before && isSameFingerprint(before, state.fingerprint)) this.#deps.onWhole(path);
      else this.#seen.set(path, state.fingerprint);
    }
  }

  #isNew({ mtimeNs, ctimeNs = mtimeNs }: Fingerprint): boolean {
    const changedAt = Math.max(Number(BigInt(mtimeNs) / 1_000_000n), Number(BigInt(ctimeNs) / 1_000_000n));
    return this.#deps.clock.now() - changedAt < newMs;
  }
}
