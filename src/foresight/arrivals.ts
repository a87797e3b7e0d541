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

/** Time without changes after which a file is whole, ms. */
const usualQuietMs = 30_000;
/** Maximum age of the last change of a new file, ms: an older one has returned. */
const newMs = 24 * 3600 * 1000;
/** Maximum files at once that count as downloads: with more, a library is moved. */
const most = 32;

/** New files of the library, which may still be written to. */
export class Arrivals implements AsyncDisposable {
  readonly #deps: ArrivalsDeps;
  readonly #quietMs: number;
  /** Fingerprints of the last look; null before the first. */
  readonly #seen = new Map<string, Fingerprint | null>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(deps: ArrivalsDeps, quietMs = usualQuietMs) {
    this.#deps = deps;
    this.#quietMs = quietMs;
  }

  /** Notes files that have appeared in a root. */
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

  /** Reports whole files; forgets those that are gone, old, or in a silent root. */
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
