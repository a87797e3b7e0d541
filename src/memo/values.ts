import { CacheError } from '../core/errors.ts';
import type { Blob } from './blobs.ts';
import { canonical } from './canonical.ts';
import type { Value } from './entry.ts';
import { parseExact } from './json-text.ts';
import { sha256Form } from './keys.ts';

/** A file of the daemon that a program has filled with the bytes of a result; see `Staging`. */
export interface GivenFile {
  staged: string;
  contentType?: string | undefined;
}

/** A result as a program hands it over. */
export type Given =
  | { value: string }
  | { blob: string; contentType?: string | undefined }
  | { files: readonly { name: string; sha256: string; contentType?: string | undefined }[] };

/** Maximum size of a JSON text in a request, bytes; larger ones are blobs. */
export const mostInline = 2 ** 20;
/** Maximum size of a text in a row, bytes; a larger one is a blob. */
export const mostInRow = 16 * 1024;

/** A value before it is stored: its text may still have to become a blob. */
export type Draft = Omit<Value, 'body' | 'doc'> & { text: string };

/**
 * The draft of a given value, with the blobs that it names.
 * @param blobOf the row of a blob @throws CacheError NOT_FOUND for a missing blob, BAD_REQUEST for an invalid value
 */
export function draftOf(given: Given, blobOf: (sha256: string) => Blob | undefined): Draft {
  const found = (sha256: string): Blob => {
    const blob = blobOf(sha256);
    if (blob) return blob;
    throw new CacheError('NOT_FOUND', `the blob ${sha256} is not here`, { hint: `PUT /api/memo/blobs/${sha256} first.` });
  };
  if ('value' in given) return draftOfJson(given.value, found);
  if ('blob' in given) {
    const blob = found(given.blob);
    const { sha256, seal } = blob;
    const text = JSON.stringify({ sha256, size: seal.size, contentType: given.contentType });
    return { kind: 'bytes', text, blobs: [blob], bytes: seal.size };
  }
  const files = given.files.map((file) => ({ ...file, blob: found(file.sha256) }));
  const blobs = unique(files.map(({ blob }) => blob));
  const text = JSON.stringify(
    files.map(({ name, sha256, contentType, blob }) => ({ name, sha256, size: blob.seal.size, contentType })),
  );
  return { kind: 'files', text, blobs, bytes: sizeOf(blobs) };
}

function draftOfJson(text: string, found: (sha256: string) => Blob): Draft {
  const names = text.includes('"$blob"') ? [...blobsIn(parseExact(text))] : [];
  const blobs = unique(names.map(found));
  return { kind: blobs.length > 0 ? 'doc' : 'json', text, blobs, bytes: Buffer.byteLength(text) + sizeOf(blobs) };
}

/** Whether two results are the same, however their JSON is written. */
export function isSameValue(a: { kind: string; text: string }, b: { kind: string; text: string }): boolean {
  if (a.kind !== b.kind) return false;
  return a.text === b.text || canonical(parseExact(a.text)) === canonical(parseExact(b.text));
}

/** The names in all `{"$blob": "<sha256>"}` of a value. */
function* blobsIn(value: unknown, level = 0): Iterable<string> {
  if (typeof value !== 'object' || value === null) return;
  if (level > 200) throw new CacheError('BAD_REQUEST', 'a value with blobs has at most 200 levels');
  const fields = Object.entries(value);
  const [[name, leaf] = []] = fields;
  if (fields.length === 1 && name === '$blob' && typeof leaf === 'string' && sha256Form.test(leaf)) yield leaf;
  else for (const [, field] of fields) yield* blobsIn(field, level + 1);
}

function unique(blobs: readonly Blob[]): Blob[] {
  return [...new Map(blobs.map((blob) => [blob.sha256, blob])).values()];
}

function sizeOf(blobs: readonly Blob[]): number {
  return blobs.reduce((sum, { seal }) => sum + seal.size, 0);
}
