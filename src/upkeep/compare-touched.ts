import type { EventMap } from '../api/event-map.ts';
import type { Events } from '../runtime/events.ts';

interface Deps {
  events: Events;
  warmer: { warm(request: { paths: string[] }): Promise<unknown> };
}

/**
 * Has copies compared with sources that were touched (their rights, their links, a restored time): a copy with equal bytes returns to
 * service, and nothing is written. @returns a function that ends this
 */
export function compareTouched({ events, warmer }: Deps): () => void {
  return events.subscribe((name, event) => {
    if (name !== 'copy-stale') return;
    const { path, touched = false } = event as EventMap['copy-stale'];
    if (touched) void warmer.warm({ paths: [path] });
  });
}
