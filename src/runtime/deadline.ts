/** A longer timeout would fire at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/** The result of `work` if it comes within `ms`, else `late`. The work continues; its late rejection is ignored. */
export async function within<T, Late>(work: Promise<T>, ms: number, late: Late): Promise<T | Late> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<Late>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, longestTimeoutMs), late);
  });
  try {
    return await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits for `work`, at most `ms`. A rejection of `work` is passed on; a timeout is not an error. */
export async function bounded(work: Promise<unknown>, ms: number): Promise<void> {
  await within(work, ms, undefined);
}
