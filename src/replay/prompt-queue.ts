import { QueuedFiles } from '../policy/queued-files.ts';
import { beginsAtOnce, type Read, type Run } from './trace.ts';

/** The queue of a host's prompts, as known to a cache at each read. */
export class PromptQueue {
  readonly #queue = new QueuedFiles();
  readonly #runs: readonly Run[];
  readonly #byId: ReadonlyMap<string, Run>;
  #submitted = 0;
  #waiting: Run[] = [];
  #running: Run | null = null;
  /** Number of the running prompt's opened files. */
  #opened = 0;

  /** @param runs in the order in which they joined the queue */
  constructor(runs: readonly Run[]) {
    this.#runs = runs;
    this.#byId = new Map(runs.map((run) => [run.id, run]));
  }

  /** Advances the time without a read, seconds. */
  until(at: number): void {
    this.#join(at);
    const isOver = ({ opens }: Run) => (opens.at(-1)?.at ?? 0) < at;
    if (!this.#waiting.some(isOver)) return;
    for (const run of this.#waiting) if (isOver(run)) this.#queue.end(run.id);
    this.#waiting = this.#waiting.filter((run) => !isOver(run));
  }

  /** Advances the time to this read. */
  read({ at, run: id }: Read): void {
    this.#join(at);
    const run = id === undefined ? undefined : this.#byId.get(id);
    if (run && run !== this.#running) {
      this.#queue.begin(run.id, run.started * 1000);
      [this.#running, this.#opened] = [run, 0];
    }
    if (this.#waiting.some(({ started }) => started <= at)) this.#endStarted(at);
    while (this.#running) {
      const open = this.#running.opens[this.#opened];
      if (!open || open.at > at) break;
      this.#queue.loaded(open.file);
      this.#opened += 1;
    }
  }

  /** Number of prompts that will read this file. @param now ms */
  expected(file: string, now: number): number {
    return this.#queue.expected(file, now);
  }

  /** Number of these that wait for another prompt. */
  expectedLater(file: string, now: number): number {
    return this.#queue.expectedLater(file, now);
  }

  /** Adds the prompts that joined, in the order of execution, which can differ from the order of joining. */
  #join(at: number): void {
    const before = this.#submitted;
    for (let run = this.#runs[before]; run && run.submitted <= at; run = this.#runs[++this.#submitted]) {
      this.#queue.add(
        run.id,
        run.opens.map(({ file }) => file),
        run.submitted * 1000,
      );
      this.#waiting.push(run);
      if (this.#running && beginsAtOnce(run)) this.#endRunning(this.#running);
    }
    if (this.#submitted === before) return;
    this.#waiting.sort((a, b) => a.started - b.started);
    this.#queue.is([...(this.#running ? [this.#running.id] : []), ...this.#waiting.map(({ id }) => id)], undefined, at * 1000);
  }

  #endRunning({ id }: Run): void {
    this.#queue.end(id);
    this.#running = null;
  }

  /** Ends prompts that have begun and do not run: they read from memory only. */
  #endStarted(at: number): void {
    for (const run of this.#waiting) if (run.started <= at && run !== this.#running) this.#queue.end(run.id);
    this.#waiting = this.#waiting.filter(({ started }) => started > at);
  }
}
