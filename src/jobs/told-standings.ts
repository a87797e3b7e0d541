import { jobTerms } from '../core/vocabulary.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Job } from './job.ts';

/** Tells by events and in the log when the standing of a running job has changed. */
export class ToldStandings {
  readonly #events: Events;
  readonly #log: Log;
  /** The last one told of each, and its reason. */
  #told = new Map<number, string>();

  constructor({ events, log }: { events: Events; log: Log }) {
    this.#events = events;
    this.#log = log;
  }

  /** @param running all of them */
  tell(running: readonly Job[]): void {
    const told = new Map<number, string>();
    for (const job of running) {
      const { status, why } = job.standing;
      const standing = why ? `${jobTerms[status].word}: ${why}` : jobTerms[status].word;
      const before = this.#told.get(job.id) ?? standing;
      told.set(job.id, standing);
      if (standing === before) continue;
      this.#log.info({ path: job.file.path, status: standing }, 'job-progress');
      this.#events.emit('job-progress', job.view());
    }
    this.#told = told;
  }
}
