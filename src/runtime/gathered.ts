/**
 * Work that answers several callers at once. All calls during a run get the answer of the next run: the present one may have passed
 * the point of their question.
 */
export function gathered<Result>(work: () => Promise<Result>): () => Promise<Result> {
  let running: Promise<Result> | null = null;
  let next: Promise<Result> | null = null;
  const run = () => {
    next = null;
    const begun = work().finally(() => {
      running = null;
    });
    running = begun;
    return begun;
  };
  return () => {
    next ??= running?.then(run, run) ?? null;
    return next ?? run();
  };
}
