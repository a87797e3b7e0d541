import type { SourceState } from '../core/types.ts';
import { within } from '../runtime/deadline.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { SourceClient } from '../sources/client.ts';
import type { Root, RootIndex } from '../sources/root.ts';

/** How long a source is waited for, ms: by a lookup whose asker has not told its stat, and by a command that plans ahead. */
const deadlineMs = { loader: 150, command: 10_000 };

interface Deps {
  roots: RootIndex;
  host: SourceClient;
  /** Told when an answer does not fit what is known of the root's health. */
  onDoubt(root: Root, isAway: boolean): void;
}

/** Asks sources how they are; many who ask for one file at once share the question. */
export class SourceStats {
  readonly #deps: Deps;
  readonly #asking = new InFlight<string, SourceState>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  ask(path: string, askedBy: keyof typeof deadlineMs): Promise<SourceState> {
    return this.#asking.run(`${askedBy}:${path}`, () => this.#ask(path, askedBy));
  }

  async #ask(path: string, askedBy: keyof typeof deadlineMs): Promise<SourceState> {
    const { roots, host, onDoubt } = this.#deps;
    const waitMs = deadlineMs[askedBy];
    // Asking again does not make a slow source faster.
    const underWay = askedBy === 'loader' ? this.#asking.get(`command:${path}`) : undefined;
    if (underWay) return (await within(underWay, waitMs, null)) ?? host.silence(path, waitMs);
    const state = await host.stat(path, { deadlineMs: waitMs });
    const root = roots.find(path)?.root;
    if (!root) return state;
    const isAway = state.state === 'away';
    // Whether it is away, or only slow, shows when it is waited for.
    if (askedBy === 'loader' && isAway) void this.ask(path, 'command');
    onDoubt(root, isAway);
    return state;
  }
}
