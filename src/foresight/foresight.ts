import type { WarmItem } from '../api/api.ts';
import type { Foreseen } from '../api/explain.ts';
import type { HintAnswer } from '../api/workflow.ts';
import type { ForeseenFiles } from '../policy/foreseen-files.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import { Serial } from '../runtime/serial.ts';
import type { LearnedWorkflows } from './learned-workflows.ts';

/** Bounds of the copies of foreseen files. */
interface IdleCopies {
  /** Maximum bytes of all copies. */
  room: number;
  /** Whether they also go into memory, where there is room. */
  intoMemory: boolean;
}

export interface ForesightDeps {
  mode(): 'off' | 'queue' | 'learn';
  warmer: {
    /** The state of these models, in their order. */
    models(names: readonly { category: string; name: string }[], options: { copy: false }): Promise<WarmItem[]>;
    idle(wanted: readonly { item: string; ask: { path: string } }[], options: IdleCopies): Promise<WarmItem[]>;
  };
  workflows: { names(document: unknown): Promise<{ category: string; name: string }[]> };
  /** Maximum bytes of copies of files that are only foreseen. */
  room(): number;
  learned: LearnedWorkflows;
  /** The policy's record of foreseen files. */
  foreseen: ForeseenFiles;
  store: { save(value: unknown): void };
  /** As `Catalog.write`. */
  write(work: () => void): Promise<void>;
  clock: Pick<Clock, 'now'>;
  log: Log;
}

/** Probability that the models of the open workflow are loaded: most users run a workflow that they open. */
const openLikely = 0.8;
/** Time after the last prompt until the next workflow is foreseen, ms: the copies of the prompts themselves come first. */
const usualQuietMs = 5000;
/** Interval between two writes of learned facts, ms. */
const saveMs = 10 * 60_000;

/**
 * Requests copies before anybody asks for the models: those of the open workflow, of the likely next one, and new files of the
 * library. Uses only free room and that of copies of less worth; reads no remote.
 */
export class Foresight implements AsyncDisposable {
  readonly #deps: ForesightDeps;
  readonly #quietMs: number;
  #timer: NodeJS.Timeout | undefined;
  /** Hints are taken one at a time: many at once would hold up lookups. */
  readonly #hints = new Serial();
  #thinking: Promise<void> = Promise.resolve();
  #savedAt: number;
  #changed = false;

  constructor(deps: ForesightDeps, quietMs = usualQuietMs) {
    this.#deps = deps;
    this.#quietMs = quietMs;
    this.#savedAt = deps.clock.now();
  }

  /** Share of the last guesses of a next workflow that were right; null while there are few. */
  get precision(): number | null {
    return this.#deps.learned.precision;
  }

  /** Notes a prompt with these models that waits or runs. */
  prompt(files: readonly { path: string; category: string | null }[]): void {
    const { mode, learned, clock } = this.#deps;
    if (mode() !== 'learn') return;
    this.#changed = learned.ran(files, clock.now()) || this.#changed;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => (this.#thinking = this.#think()), this.#quietMs).unref();
  }

  /** Notes a workflow that the user has open or has saved. @throws CacheError BAD_REQUEST when it cannot be read */
  hint(document: unknown): Promise<HintAnswer> {
    return this.#hints.run(() => this.#take(document));
  }

  async #take(document: unknown): Promise<HintAnswer> {
    const { mode, workflows, warmer, foreseen, clock } = this.#deps;
    if (mode() === 'off') return { jobs: [] };
    const found = await warmer.models(await workflows.names(document), { copy: false });
    const paths = found.flatMap(({ path }) => path ?? []);
    foreseen.foresee('open', paths, { probability: openLikely, now: clock.now() });
    const items = await this.#copy(paths, true);
    return { jobs: items.flatMap(({ job }) => job ?? []) };
  }

  /** Notes a new file of the library that is whole. */
  async arrived(path: string): Promise<void> {
    const { mode, foreseen, clock } = this.#deps;
    if (mode() !== 'learn') return;
    this.#changed = true;
    if (foreseen.arrived(path, clock.now())) await this.#copy([path], false);
  }

  /** How likely a workflow with this source comes next; null when none of the likeliest has it. */
  of(path: string): Foreseen | null {
    const { mode, learned, clock } = this.#deps;
    if (mode() !== 'learn') return null;
    const guess = learned.guesses(clock.now()).find(({ files }) => files.includes(path));
    return guess ? { probability: guess.probability, reasons: guess.reasons.map(({ name }) => name) } : null;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearTimeout(this.#timer);
    await this.#thinking;
    await this.#save();
  }

  #copy(paths: readonly string[], intoMemory: boolean): Promise<WarmItem[]> {
    const wanted = paths.map((path) => ({ item: path, ask: { path } }));
    return this.#deps.warmer.idle(wanted, { room: this.#deps.room(), intoMemory });
  }

  async #think(): Promise<void> {
    const { clock, learned, foreseen, log } = this.#deps;
    try {
      const { files = [], probability = 0 } = learned.foreseen(clock.now()) ?? {};
      foreseen.foresee('next', files, { probability, now: clock.now() });
      if (files.length > 0) await this.#copy(files, true);
      if (clock.now() - this.#savedAt >= saveMs) await this.#save();
    } catch (err) {
      log.debug({ err }, 'the next workflow could not be foreseen');
    }
  }

  async #save(): Promise<void> {
    const { store, write, learned, foreseen, clock, log } = this.#deps;
    if (!this.#changed) return;
    this.#savedAt = clock.now();
    this.#changed = false;
    const value = { ...learned.saved, arrivals: foreseen.judged };
    await write(() => store.save(value)).catch((err) => log.debug({ err }, 'learned facts are not saved'));
  }
}
