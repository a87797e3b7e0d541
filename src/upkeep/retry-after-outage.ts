import type { Events } from '../runtime/events.ts';

export interface RetryDeps {
  events: Events;
  sources: {
    /** The root of a source, or null. */
    locate(path: string): { root: string } | null;
    /** Checks the root of this source; its health and the event follow. */
    check(path: string): Promise<void>;
  };
  failures: {
    /** Paths whose copies failed because their root was away; they may be retried from here on. */
    takeAway(root: string): string[];
    /** Time until this source may be retried without a request, ms. */
    backOffMs(path: string): number;
  };
  warmer: {
    warm(request: { paths: string[] }): Promise<unknown>;
  };
}

/**
 * Resumes copies that an outage interrupted: when the root is healthy again, or, after an outage too short to be seen, when the
 * pause after the failure is over. Returns a function that ends this.
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
      // An unreadable file is no outage, unless its root proves to be away.
      if (error?.code === 'SOURCE_IO' || error?.code === 'NOT_PERMITTED') void sources.check(path);
      if (error?.code === 'SOURCE_AWAY') void sources.check(path).then(() => later(path));
    }
  });
  return () => {
    unsubscribe();
    for (const timer of timers) clearTimeout(timer);
  };
}
