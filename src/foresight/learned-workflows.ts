import { createHash } from 'node:crypto';
import { z } from 'zod';
import { type Guess, NextWorkflow } from '../policy/next-workflow.ts';
import { featureNames } from '../policy/workflow-habits.ts';

/** Maximum number of remembered workflows, of runs replayed after a restart, and of judged guesses. */
const most = { workflows: 200, runs: 1000, judged: 50 };
/** Minimum number of judged guesses for a precision. */
const someJudged = 10;
/** Minimum probability of a guess to act on it, and minimum precision of the last guesses. */
const [likely, goodEnough] = [0.4, 0.3];

const numbers = (length: number) => z.array(z.number()).length(length);
const saved = z.object({
  numbers: z.object({ weights: numbers(featureNames.length), slopes: numbers(featureNames.length), shares: numbers(4) }),
  workflows: z.record(z.string(), z.array(z.string())),
  runs: z.array(z.tuple([z.string(), z.number()])),
  judged: z.array(z.boolean()),
});
export type SavedWorkflows = z.infer<typeof saved>;

/** The workflows of one host: their files, which follows which, and how often a guess was right. */
export class LearnedWorkflows {
  #next: NextWorkflow;
  readonly #files: Map<string, readonly string[]>;
  #runs: [string, number][];
  #judged: boolean[];
  #guessed: string | null = null;
  #current: string | null = null;

  /** @param value of `saved`; anything else starts over */
  constructor(value: unknown) {
    const { data } = saved.safeParse(value);
    this.#next = new NextWorkflow(data?.numbers);
    this.#files = new Map(Object.entries(data?.workflows ?? {}));
    this.#runs = data?.runs ?? [];
    this.#judged = data?.judged ?? [];
    for (const [id, at] of this.#runs) {
      this.#next.ran(id, at, false);
      this.#current = id;
    }
  }

  /**
   * Notes a prompt with these files that runs or waits. Prompts that differ only in their LoRAs are one workflow.
   * @param at wall-clock ms  @returns whether it is another one than before
   */
  ran(files: readonly { path: string; category: string | null }[], at: number): boolean {
    const own = files.filter(({ category }) => category !== 'loras' && category !== 'embeddings').map(({ path }) => path);
    if (own.length === 0) return false;
    const id = createHash('sha1').update(own.toSorted().join('\n')).digest('hex').slice(0, 12);
    this.#next.ran(id, at);
    this.#files.delete(id);
    this.#files.set(
      id,
      files.map(({ path }) => path),
    );
    for (const oldest of [...this.#files.keys()].slice(0, -most.workflows)) this.#files.delete(oldest);
    if (id === this.#current) return false;
    this.#runs = [...this.#runs, [id, at] as [string, number]].slice(-most.runs);
    if (this.#guessed !== null) this.#judged = [...this.#judged, this.#guessed === id].slice(-most.judged);
    [this.#current, this.#guessed] = [id, null];
    return true;
  }

  /** The likeliest next ones with their files. @param now wall-clock ms */
  guesses(now: number): (Guess & { files: readonly string[] })[] {
    return this.#next.guesses(now).map((guess) => ({ ...guess, files: this.#files.get(guess.id) ?? [] }));
  }

  /** The next one, if it is likely enough to act on; whether it comes next is counted. @param now wall-clock ms */
  foreseen(now: number): { probability: number; files: readonly string[] } | null {
    const [first] = this.guesses(now);
    if (!first || first.probability < likely) return null;
    // A guess that is not acted on is judged too, so that an improvement is noticed.
    this.#guessed = first.id;
    return (this.precision ?? 1) < goodEnough ? null : first;
  }

  /** Share of the last guesses that were right; null while there are few. */
  get precision(): number | null {
    if (this.#judged.length < someJudged) return null;
    return this.#judged.filter((right) => right).length / this.#judged.length;
  }

  get saved(): SavedWorkflows {
    const { weights, slopes, shares } = this.#next.numbers;
    return {
      numbers: { weights: [...weights], slopes: [...slopes], shares: [...shares] },
      workflows: Object.fromEntries([...this.#files].map(([id, files]) => [id, [...files]])),
      runs: this.#runs,
      judged: this.#judged,
    };
  }
}
