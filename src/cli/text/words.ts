import { basename } from 'node:path';
import type { EntryView, JobView } from '../../api/api.ts';
import { formatBytes, formatDuration, percent } from '../../core/format.ts';
import { plain } from '../../core/printable.ts';
import { isMoving, jobTerms } from '../../core/vocabulary.ts';

/** `3h ago`, or `never`. */
export function ago(at: string | null, now = Date.now()): string {
  if (at === null) return 'never';
  const ms = now - Date.parse(at);
  return ms < 60_000 ? 'just now' : `${formatDuration(ms).split(' ')[0]} ago`;
}

/** Local time for people: `2026-11-20 18:30:04`. */
export function localTime(at: string): string {
  return new Date(at).toLocaleString('sv-SE');
}

/** The name of an entry for people: `checkpoints/a.safetensors`. */
export function entryName(entry: Pick<EntryView, 'category' | 'name'>): string {
  // Below a root that holds all categories the name begins with the folder, which is the category already.
  const named = entry.category === null || /^[^\\/]+/.exec(entry.name)?.[0] === entry.category;
  return named ? entry.name : `${entry.category}/${entry.name}`;
}

export function jobName(job: Pick<JobView, 'category' | 'path'>): string {
  return job.category ? `${job.category}/${basename(job.path)}` : basename(job.path);
}

/** Progress of a job: `54 % of 6.5 GiB, 412 MiB/s, 12s left`; `paused at 54 % of 6.5 GiB`; `queued, 6.5 GiB`. */
export function jobProgress(job: JobView): string {
  const { state, status, bytesDone, bytesTotal, bytesPerSecond, etaMs, error } = job;
  const total = formatBytes(bytesTotal);
  const word = jobWord(job);
  if (error) return `${word}: ${plain(error.message)}`;
  if (state !== 'running') return `${word}, ${total}`;
  const share = `${percent(bytesTotal > 0 ? bytesDone / bytesTotal : 0)} of ${total}`;
  if (!isMoving(status)) return `${word} at ${share}`;
  const words = [share];
  if (bytesPerSecond > 0) words.push(`${formatBytes(bytesPerSecond)}/s`);
  if (etaMs !== null && etaMs > 0) words.push(`${formatDuration(Math.ceil(etaMs / 1000) * 1000)} left`);
  if (status !== 'running') words.push(word);
  return words.join(', ');
}

/** The word for the state of a job, or for its end. */
export function jobWord({ state, word }: JobView): string {
  return state === 'queued' || state === 'running' ? word : jobTerms[state].word;
}
