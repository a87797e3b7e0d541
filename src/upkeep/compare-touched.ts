import type { EventMap } from '../api/event-map.ts';
import type { Events } from '../runtime/events.ts';

interface Deps {
  events: Events;
  warmer: { warm(request: { paths: string[] }): Promise<unknown> };
}

/**
 * Has copies compared with sources that were touched (their rights, their links, a program that put their time back): what has the
 * same bytes comes into service again, and nothing is written. Returns the function that ends it.
 */
export function compareTouched({ events, warmer }: Deps): () => void {
  return events.subscribe((name, event) => {
    if (name !== 'copy-stale') return;
    const { path, touched = false } = event as EventMap['copy-stale'];
    if (touched) void warmer.warm({ paths: [path] });
  });
}
