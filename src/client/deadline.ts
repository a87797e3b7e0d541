/**
 * Calls `late` after `ms` unless cancelled; null = never. After a busy phase, Node runs timers before pending socket events, so those
 * get one turn first.
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
