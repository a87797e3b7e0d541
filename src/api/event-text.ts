import { counted, formatBytes, percent } from '../core/format.ts';
import { rootTerms } from '../core/vocabulary.ts';
import type { JobView } from './api.ts';
import type { EventMap } from './event-map.ts';

/** One event of `GET /api/events`. */
export type DaemonEvent = { [K in keyof EventMap]: { name: K; data: EventMap[K] } }[keyof EventMap];

/** An event in words: `title: subject` and `rest`, which follows without a space. */
export interface EventWords {
  /** The event in a few words; empty where subject and rest make a sentence. */
  title: string;
  /** A path, or whatever the event is about. */
  subject: string;
  rest: string;
}

/** The words of an event; an event known only to a newer daemon is shown as its data. */
export function eventWords({ name, data }: DaemonEvent): EventWords {
  switch (name) {
    case 'job-queued':
      return { title: 'Queued', subject: data.path, rest: `, ${formatBytes(data.bytesTotal)}` };
    case 'job-started':
      return { title: 'Copying', subject: data.path, rest: `, ${formatBytes(data.bytesTotal)}` };
    case 'job-done':
      return { title: 'Copied', subject: data.path, rest: `, ${formatBytes(data.bytesTotal)}` };
    case 'job-progress':
      return { title: 'Copying', subject: data.path, rest: `: ${share(data)}` };
    case 'job-failed':
      return failure(data);
    case 'copy-stale':
      return sentence(data.path, ' has changed; its copy is no longer used');
    case 'copy-damaged':
      return sentence(data.path, `: ${data.why}; its copy is no longer used`);
    case 'memo-damaged':
      return sentence(`The blob ${data.sha256}`, ` is missing or damaged; ${counted(data.removed, 'result')} removed`);
    case 'memo-unrepeatable': {
      const rest = ` gave another output for the same inputs; its outputs are not kept, ${counted(data.removed, 'result')} removed`;
      return sentence(data.class, rest);
    }
    case 'published-mismatch':
      return sentence(data.path, ` is not the file that was published (${data.from}); download it again`);
    case 'verify-progress':
      return { title: 'Verifying', subject: data.path, rest: `: ${share(data)}` };
    case 'entry-evicted':
      return { title: 'Evicted', subject: data.path, rest: `, ${formatBytes(data.bytes)}: ${data.why}` };
    case 'root-health':
      return sentence(data.path, ` is ${rootTerms[data.health].word}${data.why ? `: ${data.why}` : ''}`);
    case 'cache-disk':
      return sentence(`The disk of ${data.dir}`, ` is ${data.state}`);
    case 'source-stuck':
      return sentence(data.path, ` is still read by ${data.app} (pid ${data.pid}), although its copy is ready`);
    case 'farm-trouble':
      return farmTrouble(data);
    case 'mode-changed':
      return { title: 'Mode', subject: data.mode, rest: '' };
    case 'config-changed': {
      const lines = [...data.changed.map((key) => `${key} has changed`), ...data.warnings];
      return sentence(lines.join('; ') || 'The settings files are right again', '');
    }
    case 'accounting':
      return data.complete
        ? sentence('Everything in the cache is accounted for', '')
        : sentence('The files in the cache are being accounted for', '; copies wait');
    default:
      return { title: name, subject: JSON.stringify(data), rest: '' };
  }
}

function farmTrouble({ code, host, path, why }: EventMap['farm-trouble']): EventWords {
  const because = why === null ? '' : `: ${why}`;
  switch (code) {
    case 'PEER_WRONG_BYTES':
      return sentence(
        `Host ${host}`,
        ` gave wrong bytes${path === null ? '' : ` of ${path}`}; they were dropped, it is not asked for now`,
      );
    case 'PEER_LOST':
      return sentence(`Host ${host}`, ` is gone from the farm${because}`);
    case 'SAME_NAME':
      return sentence(
        `Host ${host}`,
        ' has a twin in the farm, made of a copy of its state: they share nothing until both restart',
      );
    case 'DIRECTORY_LOST':
      return sentence('The Redis of the farm', ` does not answer${because}; origins are read without it`);
    case 'DIRECTORY_BACK':
      return sentence('The Redis of the farm', ' answers again');
    default:
      return { title: code, subject: host ?? '', rest: because };
  }
}

function failure({ path, state, error }: JobView): EventWords {
  if (state === 'cancelled') return { title: 'Cancelled', subject: path, rest: '' };
  return { title: 'Not copied', subject: path, rest: `: ${error?.message ?? state}` };
}

function share({ bytesDone, bytesTotal }: { bytesDone: number; bytesTotal: number }): string {
  return `${percent(bytesTotal > 0 ? bytesDone / bytesTotal : 1)} of ${formatBytes(bytesTotal)}`;
}

function sentence(subject: string, rest: string): EventWords {
  return { title: '', subject, rest };
}
