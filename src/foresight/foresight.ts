import type { WarmItem } from '../api/api.ts';
import type { Foreseen } from '../api/explain.ts';
import type { HintAnswer } from '../api/workflow.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { LearnedWorkflows } from './learned-workflows.ts';

export interface ForesightDeps {
  mode(): 'off' | 'queue' | 'learn';
  warmer: {
    idle(
      wanted: { item: string; ask: { path: string } | { category: string; name: string } }[],
      room: number,
    ): Promise<WarmItem[]>;
  };
  workflows: { names(document: unknown): Promise<{ category: string; name: string }[]> };
  /** Bytes that copies may take without one leaving. */
  room(): number;
  store: { load(): unknown; save(value: unknown): void };
  /** As `Catalog.write`. */
  write(work: () => void): Promise<void>;
  clock: Pick<Clock, 'now'>;
  log: Log;
}

/** A guess below is not acted on; nor is any while so few of the last fifty were right. */
const [likely, goodEnough] = [0.4, 0.3];
/** After the last prompt, until the next workflow is foreseen: the copies of the prompts themselves come first, ms. */
const usualQuietMs = 5000;
/** Learned facts are written at most so often, ms. */
const saveMs = 10 * 60_000;

/**
 * Has models copied before anybody asks for them: those of the workflow that is open, and of the one that likely comes next. Only free
 * room is used, and no remote is read.
 */
export class Foresight implements AsyncDisposable {
  readonly #deps: ForesightDeps;
  readonly #quietMs: number;
  readonly #learned: LearnedWorkflows;
  #timer: NodeJS.Timeout | undefined;
  #thinking: Promise<void> = Promise.resolve();
  #savedAt: number;
  #changed = false;

  constructor(deps: ForesightDeps, quietMs = usualQuietMs) {
    this.#deps = deps;
    this.#quietMs = quietMs;
    this.#learned = new LearnedWorkflows(deps.store.load());
    this.#savedAt = deps.clock.now();
  }

  /** Share of the last guesses that were right; null while there are few. */
  get precision(): number | null {
    return this.#learned.precision;
  }

  /** A prompt with these models waits or runs. */
  prompt(files: readonly { path: string; category: string | null }[]): void {
    if (this.#deps.mode() !== 'learn') return;
    this.#changed = this.#learned.ran(files, this.#deps.clock.now()) || this.#changed;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#thinking = this.#think()), this.#quietMs).unref();
  }

  /** The user has this workflow open. @throws CacheError BAD_REQUEST when it cannot be read */
  async hint(document: unknown): Promise<HintAnswer> {
    if (this.#deps.mode() === 'off') return { jobs: [] };
    const names = await this.#deps.workflows.names(document);
    const wanted = names.map(({ category, name }) => ({ item: `${category}/${name}`, ask: { category, name } }));
    const items = await this.#deps.warmer.idle(wanted, this.#deps.room());
    return { jobs: items.flatMap(({ job }) => job ?? []) };
  }

  /** How likely a workflow with this source comes next; null when none of the likeliest has it. */
  of(path: string): Foreseen | null {
    if (this.#deps.mode() !== 'learn') return null;
    const guess = this.#learned.guesses(this.#deps.clock.now()).find(({ files }) => files.includes(path));
    return guess ? { probability: guess.probability, reasons: guess.reasons.map(({ name }) => name) } : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#thinking;
    await this.#save();
  }

  async #think(): Promise<void> {
    const { clock, warmer, room, log } = this.#deps;
    try {
      const [first] = this.#learned.guesses(clock.now());
      if (first && first.probability >= likely) {
        // It is judged also while nothing is copied for it, so that a change for the better is noticed.
        this.#learned.guess(first);
        if ((this.precision ?? 1) < goodEnough) return;
        await warmer.idle(
          first.files.map((path) => ({ item: path, ask: { path } })),
          room(),
        );
      }
      if (clock.now() - this.#savedAt >= saveMs) await this.#save();
    } catch (err) {
      log.debug({ err }, 'the next workflow could not be foreseen');
    }
  }

  async #save(): Promise<void> {
    const { store, write, clock, log } = this.#deps;
    if (!this.#changed) return;
    this.#savedAt = clock.now();
    this.#changed = false;
    await write(() => store.save(this.#learned.saved)).catch((err) => log.debug({ err }, 'what was learned is not kept'));
  }
}
