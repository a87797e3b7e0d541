import type { PromptRunProgress, PromptRunView } from '../api/prompts.ts';
import type { Clock } from '../runtime/clock.ts';

/** The facts of a run apart from its progress. */
interface Run extends Pick<PromptRunView, 'key' | 'label' | 'comfyui'> {
  /** Number of waiters. */
  waiting(): number;
}

/** The runs in ComfyUI for this daemon. */
export class UnderWay {
  readonly #clock: Pick<Clock, 'monotonic'>;
  readonly #runs = new Set<{ run: Run; since: number; progress: PromptRunProgress | null }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.#clock = clock;
  }

  /** Lists a run until its work has ended. @param tell told of its progress */
  async follow<Result>(
    run: Run,
    tell: (progress: PromptRunProgress) => void,
    work: (onProgress: (progress: PromptRunProgress) => void) => Promise<Result>,
  ): Promise<Result> {
    const listed = { run, since: this.#clock.monotonic(), progress: null as PromptRunProgress | null };
    this.#runs.add(listed);
    try {
      return await work((progress) => {
        listed.progress = progress;
        tell(progress);
      });
    } finally {
      this.#runs.delete(listed);
    }
  }

  /** The runs that have reached ComfyUI, the oldest first. */
  list(): PromptRunView[] {
    const now = this.#clock.monotonic();
    return [...this.#runs].flatMap(({ run: { waiting, ...told }, since, progress }) =>
      progress ? [{ ...told, ...progress, waiting: waiting(), runsForMs: Math.round(now - since) }] : [],
    );
  }
}
