import type { Events } from '../runtime/events.ts';

export interface RetryDeps {
  events: Events;
  sources: {
    /** Where a source lies, or null. */
    locate(path: string): { root: string } | null;
    /** Looks at the root of this source now; its health, and the event about it, follow. */
    check(path: string): Promise<void>;
  };
  failures: {
    /** Paths whose copies failed because their root was away; they may be tried again from now on. */
    takeAway(root: string): string[];
    /** How long until this source may be tried again by itself, ms. */
    backOffMs(path: string): number;
  };
  warmer: {
    warm(request: { paths: string[] }): Promise<unknown>;
  };
}

/**
 * Takes up by itself what an outage cut short: when the root's health comes back, or, after an outage too short to be seen, when
 * the pause after the failure is over. Returns the function that ends it.
 */
export function retryAfterOutage({ events, sources, failures, warmer }: RetryDeps): () => void {
  const timers = new Set<NodeJS.Timeout>();
  const away = new Set<string>();
  const takeUp = (root: string) => {
    const paths = failures.takeAway(root);
    if (paths.length > 0) void warmer.warm({ paths });
  };
  const later = (path: string) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      const root = sources.locate(path)?.root;
      if (root !== undefined && !away.has(root)) takeUp(root);
    }, failures.backOffMs(path)).unref();
    timers.add(timer);
  };
  const unsubscribe = events.subscribe((name, event) => {
    if (name === 'root-health') {
      const { path, health } = event as { path: string; health: string };
      if (health === 'away') away.add(path);
      else if (away.delete(path)) takeUp(path);
    } else if (name === 'job-failed') {
      const { path, error } = event as { path: string; error: { code: string } | null };
      // A file that cannot be read is no outage, unless its root turns out to be away.
      if (error?.code === 'SOURCE_IO') void sources.check(path);
      if (error?.code === 'SOURCE_AWAY') void sources.check(path).then(() => later(path));
    }
  });
  return () => {
    unsubscribe();
    for (const timer of timers) clearTimeout(timer);
  };
}
