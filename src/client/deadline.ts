/**
 * Calls `late` after `ms` unless cancelled; null = never. After a longer busy phase, a process sees its timers before the news from
 * its sockets, so the news gets one turn first.
 */
export function deadline(ms: number | null, late: () => void): () => void {
  if (ms === null) return () => {};
  let over = false;
  const timer = setTimeout(() => setImmediate(() => over || late()), ms);
  return () => {
    over = true;
    clearTimeout(timer);
  };
}
