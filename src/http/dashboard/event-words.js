import { rootTerms } from '../../../comfyui/web/vocabulary.js';
import { counted, formatBytes } from '../../../comfyui/web/words.js';
import { splitPath } from './figures.js';

const kinds = {
  Copies: ['job-queued', 'job-started', 'job-done', 'job-failed'],
  Cache: ['entry-evicted', 'copy-stale', 'copy-damaged', 'cache-disk', 'accounting'],
  Sources: ['root-health', 'source-stuck', 'published-mismatch'],
  Results: ['memo-damaged', 'memo-unrepeatable'],
  Settings: ['mode-changed', 'config-changed'],
};
export const kindNames = Object.keys(kinds);

export function kindOf(name) {
  return kindNames.find((kind) => kinds[kind].includes(name)) ?? 'Results';
}

/** Whether somebody should look. */
export function isTrouble(name, { health, state } = {}) {
  return (
    ['copy-damaged', 'published-mismatch', 'source-stuck', 'memo-damaged', 'memo-unrepeatable'].includes(name) ||
    (name === 'job-failed' && state === 'failed') ||
    (name === 'root-health' && (health === 'away' || health === 'missing')) ||
    (name === 'cache-disk' && state !== 'here')
  );
}

/** An event in one line. */
export function eventText(name, data) {
  const file = data.path ? splitPath(data.path).base : '';
  switch (name) {
    case 'job-queued':
      return `Queued: ${file}, ${formatBytes(data.bytesTotal)}`;
    case 'job-started':
      return `Copying: ${file}, ${formatBytes(data.bytesTotal)}`;
    case 'job-done':
      return `Copied: ${file}, ${formatBytes(data.bytesTotal)}`;
    case 'job-failed':
      return data.state === 'cancelled' ? `Cancelled: ${file}` : `Not copied: ${file}, ${data.error?.message ?? data.why}`;
    case 'entry-evicted':
      return `Evicted: ${file}, ${formatBytes(data.bytes)}: ${data.why}`;
    case 'copy-stale':
      return `${file} has changed; its copy is no longer used`;
    case 'copy-damaged':
      return `${file}: ${data.why}; its copy is no longer used`;
    case 'memo-damaged':
      return `A blob of results is missing or damaged; ${counted(data.removed, 'result')} removed`;
    case 'memo-unrepeatable':
      return `Nodes of ${data.class} gave something else for the same inputs: kept no more, ${counted(data.removed, 'result')} removed`;
    case 'published-mismatch':
      return `${file} is not the file that was published (${data.from}); download it again`;
    case 'root-health':
      return `${data.path} is ${rootTerms[data.health].word}${data.why ? `: ${data.why}` : ''}`;
    case 'cache-disk':
      return `The disk of ${data.dir} is ${data.state}`;
    case 'source-stuck':
      return `${file} is still read by ${data.app} (pid ${data.pid}), although its copy is ready`;
    case 'mode-changed':
      return `The mode is ${data.mode}`;
    case 'config-changed':
      return (
        [...data.changed.map((key) => `${key} has changed`), ...data.warnings].join('; ') ||
        'The settings files are right again'
      );
    case 'accounting':
      return data.complete
        ? 'All that lies in the cache is accounted for'
        : 'The files in the cache are being accounted for; copies wait';
    default:
      return `${name}: ${JSON.stringify(data)}`;
  }
}
