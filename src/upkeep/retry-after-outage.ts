import type { Events } from '../runtime/events.ts';

export interface TakeUpDeps {
  events: Events;
  /** The root that a source lies below, or null. */
  rootOf(path: string): string | null;
  /** Looks at the root of this source now; its health, and the event about it, follow. */
  check(path: string): Promise<void>;
  /** Paths whose copies failed because their root was away; they may be tried again from now on. */
  takeAway(root: string): string[];
  /** How long until this source may be tried again by itself, ms. */
  backOffMs(path: string): number;
  copyAgain(paths: string[]): void;
}

/**
 * Takes up by itself what an outage cut short: when the root's health comes back, or, after an outage too short to be seen, when
 * the pause after the failure is over. Returns the function that ends it.
 */
export function retryAfterOutage({ events, rootOf, check, takeAway, backOffMs, copyAgain }: TakeUpDeps): () => void {
  const timers = new Set<NodeJS.Timeout>();
  const away = new Set<string>();
  const takeUp = (root: string) => {
    const paths = takeAway(root);
    if (paths.length > 0) copyAgain(paths);
  };
  const later = (path: string) => {
    const timer = setTimeout(() => {
      timers.delete(timer);
      const root = rootOf(path);
      if (root !== null && !away.has(root)) takeUp(root);
    }, backOffMs(path)).unref();
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
      if (error?.code === 'SOURCE_IO') void check(path);
      if (error?.code === 'SOURCE_AWAY') void check(path).then(() => later(path));
    }
  });
  return () => {
    unsubscribe();
    for (const timer of timers) clearTimeout(timer);
  };
}
