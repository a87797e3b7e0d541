import type { MemoLayer, MemoLikeness } from '../api/memo.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Result } from './answers.ts';
import type { Entry } from './entry.ts';
import { handedOutMs } from './in-use.ts';
import type { AskedText } from './similar/asked-text.ts';
import type { SourceDeps } from './source-deps.ts';
import type { Store } from './store.ts';

export interface FindDeps {
  clock: Clock;
  sources: SourceDeps;
}

export interface Question {
  ns: string;
  key: string;
  as: 'value' | 'path';
  /** The part of the question that may be worded differently. */
  asked?: AskedText;
}

/** A result that may be served. */
export interface Found {
  state: 'hit' | 'stale';
  layer: MemoLayer;
  entry: Pick<Entry, 'costMs' | 'bytes'>;
  /** Age of the result; never negative, even after the clock was set back. */
  ageMs: number;
  result: Result;
  /** Set when it is the result of another text, whose key it has. */
  likeness?: MemoLikeness;
}

/**
 * The result of a key, if it may still be served.
 * @param as `path`: a long text is not read, because its file is requested
 */
export async function find(deps: FindDeps, store: Store, question: Question): Promise<Found | null> {
  const found = await look(deps, store, question);
  if (!found) return null;
  const { entry, layer, text } = found;
  for (const { sha256 } of entry.blobs) store.inUse.keep(sha256, handedOutMs);
  store.used(entry);
  const now = deps.clock.now();
  const state = entry.freshUntil === null || now < entry.freshUntil ? 'hit' : 'stale';
  return { state, entry, layer, ageMs: Math.max(0, now - entry.createdAt), result: { ...entry, text } };
}

/** The same without serving it: no use is counted. */
export async function look(
  { sources }: Pick<FindDeps, 'sources'>,
  store: Store,
  { ns, key, as }: Question,
): Promise<{ entry: Entry; layer: MemoLayer; text: string | null } | null> {
  const found = store.find(ns, key);
  if (!found) return null;
  const { entry, layer } = found;
  if (entry.deps.length > 0 && !(await sources.areCurrent(entry.deps))) {
    store.removeBehind([entry.id]);
    return null;
  }
  const isFileWanted = as === 'path' && entry.body !== null && entry.kind !== 'files';
  const text = isFileWanted ? null : (entry.doc ?? entry.text ?? (await readText(store, entry)));
  return text === undefined ? null : { entry, layer, text };
}

/** The text in its blob; undefined when the blob is damaged, and then the entry is gone. */
async function readText(store: Store, entry: Entry): Promise<string | undefined> {
  const sha256 = entry.body ?? '';
  const bytes = await store.files.read(sha256);
  if (bytes === null) {
    await store.dropDamaged(sha256);
    return undefined;
  }
  entry.text = bytes.toString();
  store.keepInMemory(entry);
  return entry.text;
}
