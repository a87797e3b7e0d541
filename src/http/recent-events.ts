import type { RecentEvent, ToldEvents } from '../api/dashboard.ts';
import type { DaemonEvent } from '../api/event-text.ts';
import type { Services } from './services.ts';
import { eventKinds, tellEvent } from './told-events.ts';

const most = 300;
/** Events that come many times a second, and replace the ones before them. */
const passing: ReadonlySet<string> = new Set(['job-progress', 'verify-progress']);

/** The last events, for clients that connect later. */
export class RecentEvents {
  #events: RecentEvent[] = [];
  #dropped = 0;

  constructor({ events, clock }: Pick<Services, 'events' | 'clock'>) {
    events.subscribe((name, data) => {
      if (passing.has(name)) return;
      this.#events.push({ name, data, at: new Date(clock.now()).toISOString() });
      if (this.#events.length <= 2 * most) return;
      this.#dropped += this.#events.length - most;
      this.#events = this.#events.slice(-most);
    });
  }

  /** Newest first. */
  list(): RecentEvent[] {
    return this.#events.slice(-most).reverse();
  }
  /** The same list for people. */
  told(): ToldEvents {
    const newest = this.#dropped + this.#events.length;
    const events = this.list().map((event, index) => ({
      number: newest - index,
      at: event.at,
      path: 'path' in event.data ? event.data.path : null,
      ...tellEvent(event as DaemonEvent),
    }));
    return { kinds: eventKinds, events };
  }
}
