import type { JobView } from '../api/api.ts';
import type { DaemonEvent } from '../api/event-text.ts';
import { CacheError } from '../core/errors.ts';
import { within } from '../runtime/deadline.ts';
import type { Client } from './client.ts';
import { isOver } from './jobs-view.ts';

interface Watch {
  client: Client;
  /** Opened before the jobs were asked for, so that none ends unseen. */
  events: AsyncGenerator<DaemonEvent>;
  onUpdate: (job: JobView) => void;
  /** Silence after which the daemon is asked outright, ms. */
  quietMs?: number;
}

/**
 * Waits until each of the jobs is over and answers how each ended.
 * @throws CacheError `NOT_RUNNING` when the daemon goes away before that.
 */
export async function waitForJobs(jobs: JobView[], watch: Watch): Promise<Map<number, JobView>> {
  const ended = new Map<number, JobView>();
  const open = new Set(jobs.map((job) => job.id));
  const note = (job: JobView) => {
    if (!open.has(job.id)) return;
    watch.onUpdate(job);
    if (!isOver(job)) return;
    open.delete(job.id);
    ended.set(job.id, job);
  };
  jobs.forEach(note);

  let next: Promise<IteratorResult<DaemonEvent>> | null = null;
  while (open.size > 0) {
    next ??= watch.events.next();
    const step = await within(next, watch.quietMs ?? 5_000, 'quiet' as const);
    if (step === 'quiet') {
      await askOutright();
      continue;
    }
    next = null;
    if (step.done)
      throw new CacheError('NOT_RUNNING', 'the daemon went away before the copies were ready', { hint: 'autocached start' });
    const job = jobOf(step.value);
    if (job) note(job);
  }
  return ended;

  /** A job that the daemon does not list any more has ended unheard. */
  async function askOutright(): Promise<void> {
    const listed = (await watch.client.jobs()).jobs;
    listed.forEach(note);
    for (const id of [...open]) {
      if (!listed.some((job) => job.id === id)) open.delete(id);
    }
  }
}

/** The job that an event is about, if it is about one. */
export function jobOf(event: DaemonEvent): JobView | null {
  return event.name.startsWith('job-') ? (event.data as JobView) : null;
}
