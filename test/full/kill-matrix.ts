import { fileURLToPath } from 'node:url';
import { expect } from 'vitest';

/** The option of Node that makes a daemon number its steps, see `crash-points.ts`. */
export const countingSteps = `--import=${fileURLToPath(new URL('./crash-points.ts', import.meta.url))}`;

/** Every how many-th step is a crash point, 1 = all, from which one to which one, and how often each is run. */
const every = Number(process.env['CRASH_EVERY'] ?? 1);
const [from = 1, to = Number.POSITIVE_INFINITY] = (process.env['CRASH_STEPS'] ?? '1').split('-').map(Number);
const runs = Number(process.env['CRASH_RUNS'] ?? 1);
/** Maximum number of lives for one crash point. */
const tries = 10;
const tellEveryMs = 60_000;

/** One life of a daemon, and what the next one found. */
export interface Life {
  /** Whether it was killed before the step that it was to be killed at. */
  fired: boolean;
  /** All that it did until its end. */
  steps: string[];
  /** Its first step that is of interest; default: 1. */
  first?: number;
  /** What it or the next one did wrong. */
  wrong: string[];
}

/**
 * Lives once undisturbed, then once for each of its steps, killed before it. Lives differ, as threads do: where one is over before the
 * step, another step is drawn from those it took, so every crash point is one that fired.
 * @param live a life that is killed before its step `at`; 0 = it is not killed
 * @param isPoint which of its steps are tried
 * @returns the undisturbed one
 */
export async function killAtEveryStep(
  what: string,
  leastSteps: number,
  live: (at: number) => Promise<Life>,
  isPoint: (step: string) => boolean = () => true,
): Promise<Life> {
  const uncut = await live(0);
  expect(uncut).toMatchObject({ fired: false, wrong: [] });
  const { steps, first = 1 } = uncut;
  // With fewer steps the matrix tests nothing.
  expect(steps.length - first + 1).toBeGreaterThanOrEqual(leastSteps);
  const points = steps
    .flatMap((step, index) => (isPoint(step) ? [index + 1] : []))
    .filter((at) => at >= Math.max(first, from) && at <= to && at % every === 0);
  const all = points.flatMap((point) => Array<number>(runs).fill(point));
  const outcome = { lives: 0, fired: 0, wrong: [] as string[] };
  let toldAt = performance.now();
  for (const point of all) {
    await killAt(point);
    if (performance.now() - toldAt > tellEveryMs) tell();
  }
  tell();
  expect(outcome.wrong).toEqual([]);
  expect(outcome.fired).toBe(all.length);
  return uncut;

  async function killAt(point: number): Promise<void> {
    let at = point;
    for (let tried = 0; tried < tries; tried += 1) {
      const life = await live(at);
      const killedBy = life.steps[at - 1];
      outcome.lives += 1;
      outcome.wrong.push(...life.wrong.map((found) => `killed before step ${at} (${killedBy}): ${found}`));
      if (life.fired && killedBy === undefined) outcome.wrong.push(`something else than crash point ${at} ended the daemon`);
      if (life.fired) {
        outcome.fired += 1;
        return;
      }
      at = anyOf(life);
    }
  }

  function tell(): void {
    const { fired, lives, wrong } = outcome;
    console.log(
      `${what}: ${fired} of ${all.length} crash points (of ${steps.length} steps) fired, in ${lives} lives; ${wrong.length} violations`,
    );
    for (const found of wrong) console.log(found);
    toldAt = performance.now();
  }
}

function anyOf({ steps, first = 1 }: Life): number {
  return first + Math.floor(Math.random() * Math.max(1, steps.length - first + 1));
}
