import type { SourceState } from '../core/types.ts';
import { within } from '../runtime/deadline.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { SourceClient } from '../sources/client.ts';
import type { Root, RootIndex } from '../sources/root.ts';

/** Timeouts of a stat, ms: in a lookup whose asker has not sent one, and in a command that plans ahead. */
const deadlineMs = { loader: 150, command: 10_000 };

/** Silence after which the root is looked at, while a command still waits, ms. */
const doubtMs = 1000;

interface Deps {
  roots: RootIndex;
  host: Pick<SourceClient, 'stat' | 'isKnownSlow'>;
  /** Whether a root is known not to answer. */
  isAway(root: Root): boolean;
  /** Told when an answer, or the first silence, contradicts the known health of the root. */
  onDoubt(root: Root, isAway: boolean): void;
}

/** Asks for the states of sources; concurrent callers for one file share the question. */
export class SourceStats {
  readonly #deps: Deps;
  readonly #asking = new InFlight<string, SourceState>();

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  ask(path: string, askedBy: keyof typeof deadlineMs): Promise<SourceState> {
    return this.#asking.run(`${askedBy}:${path}`, () => (askedBy === 'loader' ? this.#briefly(path) : this.#ask(path)));
  }

  async #ask(path: string): Promise<SourceState> {
    const { roots, host, onDoubt } = this.#deps;
    const root = roots.find(path)?.root;
    const answer = host.stat(path, { deadlineMs: deadlineMs.command, patient: true });
    const early = await within(answer, doubtMs, null);
    if (root && early === null) onDoubt(root, true);
    const state = early ?? (await answer);
    if (root && state.state !== 'slow') onDoubt(root, state.state === 'away');
    return state;
  }

  /** Asks with the short timeout: such a silence is no outage, unless one is known. */
  async #briefly(path: string): Promise<SourceState> {
    const { roots, host, isAway, onDoubt } = this.#deps;
    const waitMs = deadlineMs.loader;
    // Asking again does not make a slow source faster.
    const underWay = this.#asking.get(`command:${path}`);
    const silence: SourceState = { state: 'slow', why: `no answer within ${waitMs} ms` };
    const state = underWay
      ? ((await within(underWay, waitMs, null)) ?? silence)
      : await host.stat(path, { deadlineMs: waitMs, brief: true });
    const root = roots.find(path)?.root;
    if (!root) return state;
    const isDoubtful = state.state === 'away' || (state.state === 'slow' && !host.isKnownSlow(path, waitMs));
    if (!underWay) {
      // A longer wait shows whether it is away or only slow.
      if (isDoubtful) void this.ask(path, 'command');
      onDoubt(root, isDoubtful);
    }
    return state.state === 'slow' && isAway(root) ? { ...state, state: 'away' } : state;
  }
}
