import { LearnedWorkflows } from '../foresight/learned-workflows.ts';
import { ForeseenFiles } from '../policy/foreseen-files.ts';
import { beginsAtOnce, type Read, type Run } from './trace.ts';

/** Ways in which a file becomes known before its load: waiting prompts, new files of the library, the workflow that likely comes next. */
export const means = ['queue', 'arrivals', 'workflows'] as const;
export type Means = (typeof means)[number];

/** Time from the last prompt to the prediction of the next workflow, seconds. */
const quiet = 5;
/** Time for which a new file must be unchanged before it is copied, seconds. */
const settled = 30;
/** Interval between walks of a root on a network, which alone find its new files, seconds. */
const walkEvery = 600;
/** A faster source is a local disk, where a new file is seen at once; bytes per second. */
const gigabitLink = 125e6;
/** Speed of a source on a network of ten gigabits, bytes per second. */
const tenGigabit = 900e6;

export interface AheadDeps {
  runs: readonly Run[];
  /** New files of the library. */
  arrived: readonly Read[];
  by: ReadonlySet<Means>;
  /** Told of the time, seconds. */
  onTime(at: number): void;
  want(file: Read, by: Means): void;
}

/** Determines which files of a host are wanted ahead of need, and when, from the facts that a daemon has at that time. */
export class Ahead {
  readonly foreseen = new ForeseenFiles();
  readonly #deps: AheadDeps;
  readonly #events: ({ at: number } & ({ run: Run } | { arrived: Read }))[];
  readonly #learned = new LearnedWorkflows(null);
  /** Every file of a prompt by its name. */
  readonly #known = new Map<string, Read>();
  #next = 0;
  /** The prompt that joined the queue last. */
  #before: Run | null = null;
  #thinkAt = Number.POSITIVE_INFINITY;

  constructor(deps: AheadDeps) {
    this.#deps = deps;
    const prompts = deps.runs.map((run) => ({ at: run.submitted, run }));
    const arrivals = deps.by.has('arrivals') ? deps.arrived.map((arrived) => ({ at: seenAt(arrived), arrived })) : [];
    this.#events = [...prompts, ...arrivals].sort((a, b) => a.at - b.at);
  }

  until(at: number): void {
    for (;;) {
      const next = this.#events[this.#next];
      const soonest = Math.min(next?.at ?? Number.POSITIVE_INFINITY, this.#thinkAt);
      if (soonest > at) break;
      this.#deps.onTime(soonest);
      if (this.#thinkAt === soonest) this.#think(soonest);
      else if (next) {
        this.#next += 1;
        if ('run' in next) this.#queued(next.run);
        else if (this.foreseen.arrived(next.arrived.file, soonest * 1000)) this.#deps.want(next.arrived, 'arrivals');
      }
    }
    this.#deps.onTime(at);
  }

  #queued(run: Run): void {
    const { by, want } = this.#deps;
    const { opens, submitted } = run;
    const files = [...new Map(opens.map((open) => [open.file, open])).values()];
    if (by.has('queue')) for (const open of files) if (!this.#isSpared(open, run)) want(open, 'queue');
    this.#before = run;
    if (!by.has('workflows')) return;
    for (const open of files) this.#known.set(open.file, open);
    const models = files.map(({ file: path, category }) => ({ path, category }));
    this.#learned.ran(models, submitted * 1000);
    this.#thinkAt = submitted + quiet;
  }

  /** Whether the program has a file in memory: known for a prompt that begins at once; a waiting one shares files with the one before. */
  #isSpared({ file, fromMemory = false }: Read, run: Run): boolean {
    return beginsAtOnce(run) ? fromMemory : (this.#before?.opens.some((open) => open.file === file) ?? false);
  }

  #think(at: number): void {
    this.#thinkAt = Number.POSITIVE_INFINITY;
    const next = this.#learned.foreseen(at * 1000);
    const { files = [], probability = 0 } = next ?? {};
    this.foreseen.foresee('next', files, { probability, now: at * 1000 });
    for (const path of files) {
      const file = this.#known.get(path);
      if (file) this.#deps.want(file, 'workflows');
    }
  }
}

/** Time at which a daemon may begin to copy a new file, seconds. */
function seenAt({ at, sourceSpeed }: Read): number {
  const isLocal = sourceSpeed > gigabitLink && sourceSpeed < tenGigabit;
  return settled + (isLocal ? at : Math.ceil(at / walkEvery) * walkEvery);
}
