import { messageOf } from '../core/errors.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { dropLinkElsewhere } from './moved-cache.ts';

export interface EndedProgramsDeps {
  handedOut: { unneeded(): { path: string; source: string }[]; forget(paths: readonly string[]): void };
  tiers: Tiers;
  active: {
    /** True while a job copies this source: its place is about to be written. */
    isBusy(sourcePath: string): boolean;
  };
  log: Log;
  onTrouble(error: unknown): void;
}

/** Interval between two checks, ms. */
const lookEveryMs = 15_000;

/** Removes the links that replaced copies, once the programs that were given those paths have ended. */
export class EndedPrograms implements AsyncDisposable {
  readonly #deps: EndedProgramsDeps;
  readonly #looking: Periodic;

  constructor(deps: EndedProgramsDeps) {
    this.#deps = deps;
    this.#looking = new Periodic(() => this.look(), { everyMs: lookEveryMs, onError: deps.onTrouble });
  }

  /** Checks periodically until it is disposed. */
  start(): void {
    void this.#looking.now();
  }

  look(): void {
    const { handedOut, tiers, active, log } = this.#deps;
    const gone: string[] = [];
    for (const { path, source } of handedOut.unneeded()) {
      // A worker may put a copy there at any moment.
      if (active.isBusy(source)) continue;
      try {
        for (const tier of tiers.all()) tier.dropLink(path, source);
        dropLinkElsewhere(path, source);
        gone.push(path);
      } catch (error) {
        log.debug({ path, why: messageOf(error) }, 'the link in the place of a copy is removed later');
      }
    }
    if (gone.length > 0) handedOut.forget(gone);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#looking[Symbol.asyncDispose]();
  }
}
