import { counted, formatBytes, percent } from '../../core/format.ts';
import { rootTerms } from '../../core/vocabulary.ts';
import type { DaemonEvent } from '../sse.ts';
import { jobName, jobProgress } from './words.ts';

/** An event in one line, without its name. */
export function eventText({ name, data }: DaemonEvent): string {
  switch (name) {
    case 'job-queued':
    case 'job-started':
    case 'job-done':
      return `#${data.id} ${jobName(data)}, ${formatBytes(data.bytesTotal)}`;
    case 'job-progress':
      return `#${data.id} ${jobName(data)}: ${jobProgress(data)}`;
    case 'job-failed':
      return `#${data.id} ${jobName(data)}: ${data.error?.message ?? data.state}`;
    case 'copy-stale':
      return `${data.path} has changed; its copy is no longer used`;
    case 'copy-damaged':
      return `${data.path}: ${data.why}; its copy is no longer used`;
    case 'memo-damaged':
      return `the blob ${data.sha256} is missing or damaged; ${counted(data.removed, 'result')} removed`;
    case 'memo-unrepeatable':
      return `${data.class} gave another output for the same inputs; its outputs are not kept, ${counted(data.removed, 'result')} removed`;
    case 'published-mismatch':
      return `${data.path} is not the file that was published (${data.from}); download it again`;
    case 'verify-progress':
      return `${data.path}: ${percent(data.bytesTotal > 0 ? data.bytesDone / data.bytesTotal : 1)} of ${formatBytes(data.bytesTotal)}`;
    case 'entry-evicted':
      return `${data.path}, ${formatBytes(data.bytes)}: ${data.why}`;
    case 'root-health':
      return `${data.path} is ${rootTerms[data.health].word}${data.why ? `: ${data.why}` : ''}`;
    case 'cache-disk':
      return `the disk of ${data.dir} is ${data.state}`;
    case 'source-stuck':
      return `${data.path} is still read by ${data.app} (pid ${data.pid}), although its copy is ready`;
    case 'mode-changed':
      return data.mode;
    case 'config-changed':
      return (
        [...data.changed.map((key) => `${key} has changed`), ...data.warnings].join('; ') ||
        'the settings files are right again'
      );
    case 'accounting':
      return data.complete
        ? 'all that lies in the cache is accounted for'
        : 'accounting for the files in the cache; copies wait';
    default:
      // A newer daemon may say more than this program knows.
      return JSON.stringify(data);
  }
}
