/**
 * Work that answers several callers at once. Whoever asks while it is under way gets the answer of the next run, together with all others
 * who do: a run that has begun may have passed what he asks about.
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
