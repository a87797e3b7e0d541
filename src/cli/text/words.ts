import { basename } from 'node:path';
import type { EntryView, JobView } from '../../api/api.ts';
import { formatBytes, formatDuration } from '../../core/format.ts';

/** `1,204` */
export function count(value: number): string {
  return value.toLocaleString('en-US');
}

/** `1 file`, `1,204 files` */
export function counted(value: number, noun: string, plural = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : plural}`;
}

/** A share of one: `91 %`. Never 100 % for less than all. */
export function percent(share: number): string {
  const rounded = Math.round(share * 100);
  return rounded === 100 && share < 1 ? '99.9 %' : `${rounded} %`;
}

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

/** What people call an entry: `checkpoints/a.safetensors`. */
export function entryName(entry: Pick<EntryView, 'category' | 'name'>): string {
  // Below a root that holds all categories the name begins with the folder, which is the category already.
  const named = entry.category === null || /^[^\\/]+/.exec(entry.name)?.[0] === entry.category;
  return named ? entry.name : `${entry.category}/${entry.name}`;
}

export function jobName(job: Pick<JobView, 'category' | 'path'>): string {
  return job.category ? `${job.category}/${basename(job.path)}` : basename(job.path);
}

/** How far a job is: `54 % of 6.5 GiB, 412 MiB/s, 12 s left`. */
export function jobProgress(job: JobView): string {
  const words = [`${percent(job.bytesTotal > 0 ? job.bytesDone / job.bytesTotal : 0)} of ${formatBytes(job.bytesTotal)}`];
  if (job.bytesPerSecond > 0) words.push(`${formatBytes(job.bytesPerSecond)}/s`);
  if (job.etaMs !== null) words.push(`${formatDuration(Math.ceil(job.etaMs / 1000) * 1000)} left`);
  return words.join(', ');
}
