import type { RecentEvent } from '../api/dashboard.ts';
import type { Services } from './services.ts';

const most = 300;
/** They come many times a second, and each replaces the one before it. */
const passing: ReadonlySet<string> = new Set(['job-progress', 'verify-progress']);

/** The last events, for those who come later. */
export class RecentEvents {
  #events: RecentEvent[] = [];

  constructor({ events, clock }: Pick<Services, 'events' | 'clock'>) {
    events.subscribe((name, data) => {
      if (passing.has(name)) return;
      this.#events.push({ name, data, at: new Date(clock.now()).toISOString() });
      if (this.#events.length > 2 * most) this.#events = this.#events.slice(-most);
    });
  }

  /** Newest first. */
  list(): RecentEvent[] {
    return this.#events.slice(-most).reverse();
  }
}
