/** A longer timeout would fire at once. */
const longestTimeoutMs = 2 ** 31 - 1;

/** Waits for `work`, but no longer than `ms`. A rejection of `work` is passed on; a timeout is not an error. */
export async function bounded(work: Promise<unknown>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, Math.min(ms, longestTimeoutMs));
  });
  try {
    await Promise.race([work, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
