import type { MemoFile } from '../api/memo.ts';
import type { Entry } from './entry.ts';
import type { Lease } from './flights.ts';

/** A result on its way to an asker, stored or not. */
export type Result = Pick<Entry, 'key' | 'kind' | 'blobs' | 'body' | 'bytes'> & {
  /** The JSON text; null when only its file is requested. */
  text: string | null;
};

/** The fields of an answer with this result, as JSON without its braces. Values pass as they were written: nothing is parsed. */
export function resultFields({ kind, text, blobs, body }: Result, pathOf: (sha256: string) => string): string {
  const path = (sha256: string) => JSON.stringify(pathOf(sha256));
  if (kind === 'bytes') return `"kind":"bytes",${text?.slice(1, -1)},"path":${path(blobs[0]?.sha256 ?? '')}`;
  if (kind === 'files') {
    const files = JSON.parse(text ?? '[]') as Omit<MemoFile, 'path'>[];
    return `"kind":"files","files":${JSON.stringify(files.map((file) => ({ ...file, path: pathOf(file.sha256) })))}`;
  }
  if (text === null && body !== null) return `"kind":"${kind}","path":${path(body)},"contentType":"application/json"`;
  if (kind === 'json') return `"kind":"json","value":${text}`;
  const parts = blobs.map(({ sha256, seal }) => ({ sha256, size: seal.size, path: pathOf(sha256) }));
  return `"kind":"doc","blobs":${JSON.stringify(parts)},"value":${text}`;
}

export function missText(key: string): string {
  return `{"state":"miss","key":"${key}"}`;
}

export function leaseText({ id, ms, fence }: Lease): string {
  return `{"state":"compute","lease":"${id}","leaseMs":${ms},"fence":${fence}}`;
}
