import { type DaemonEvent, eventWords } from '../../api/event-text.ts';
import { jobName, jobProgress } from './words.ts';

/** An event in one line, without its name. */
export function eventText(event: DaemonEvent): string {
  const { title, subject, rest } = eventWords(event);
  switch (event.name) {
    case 'job-progress':
      return `#${event.data.id} ${jobName(event.data)}: ${jobProgress(event.data)}`;
    case 'job-queued':
    case 'job-started':
    case 'job-done':
    case 'job-failed':
      return `#${event.data.id} ${jobName(event.data)}${rest || `: ${title.toLowerCase()}`}`;
    default:
      return subject + rest;
  }
}
