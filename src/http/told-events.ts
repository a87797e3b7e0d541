import type { ToldEvent } from '../api/dashboard.ts';
import { type DaemonEvent, eventWords } from '../api/event-text.ts';
import { lastName } from '../core/last-name.ts';

const kinds: Readonly<Record<string, readonly DaemonEvent['name'][]>> = {
  Copies: ['job-queued', 'job-started', 'job-done', 'job-failed'],
  Cache: ['entry-evicted', 'copy-stale', 'copy-damaged', 'cache-disk', 'accounting'],
  Sources: ['root-health', 'source-stuck', 'published-mismatch'],
  Results: ['memo-damaged', 'memo-unrepeatable'],
  Farm: ['farm-trouble'],
  Settings: ['mode-changed', 'config-changed'],
};
export const eventKinds = Object.keys(kinds);

/** An event as a page shows it: files by their last name. */
export function tellEvent(event: DaemonEvent): Pick<ToldEvent, 'text' | 'kind' | 'trouble'> {
  const { title, subject, rest } = eventWords(event);
  const isFolder = event.name === 'root-health';
  const named = 'path' in event.data && !isFolder ? lastName(subject) : subject;
  return {
    text: `${title && `${title}: `}${named}${rest}`,
    kind: eventKinds.find((kind) => kinds[kind]?.includes(event.name)) ?? 'Results',
    trouble: isTrouble(event),
  };
}

/** Whether a person should look at it. */
function isTrouble({ name, data }: DaemonEvent): boolean {
  switch (name) {
    case 'copy-damaged':
    case 'published-mismatch':
    case 'source-stuck':
    case 'memo-damaged':
    case 'memo-unrepeatable':
      return true;
    case 'farm-trouble':
      return data.code === 'PEER_WRONG_BYTES' || data.code === 'DIRECTORY_LOST';
    case 'job-failed':
      return data.state === 'failed';
    case 'root-health':
      return data.health === 'away' || data.health === 'missing';
    case 'cache-disk':
      return data.state !== 'here';
    default:
      return false;
  }
}
