import type { Entry } from '../entry.ts';
import type { Store } from '../store.ts';
import { isSameValue } from '../values.ts';
import { cosine } from './nearest.ts';
import type { Meaning } from './texts.ts';

/** A program's judgement on whether the result of another key would have been right. */
export interface Verdict {
  key: string;
  right: boolean;
}

/** An entry, if an exact question would still find it; its deps are not looked at. */
export function currentEntry(store: Store, id: number): Entry | undefined {
  const entry = store.entries.byId(id);
  return entry && store.find(entry.ns, entry.key)?.entry;
}

/** The nearest whose result is a JSON value that is still kept. */
export function nearestOf(
  store: Store,
  meanings: readonly Meaning[],
  vector: Float32Array,
): { id: number; entry: Entry; similarity: number } | undefined {
  const comparable = meanings.filter((meaning) => meaning.vector.length === vector.length);
  const near = comparable.map(({ id, vector: other }) => ({ id, similarity: cosine(other, vector) }));
  for (const { id, similarity } of near.sort((a, b) => b.similarity - a.similarity)) {
    const entry = currentEntry(store, id);
    if (entry?.kind === 'json') return { id, entry, similarity };
  }
  return undefined;
}

/** Whether the result of a text's neighbour would have been right for it, too. */
export function isRight(neighbour: Entry, entry: Entry, verdict: Verdict | null): boolean {
  if (verdict?.key === neighbour.key) return verdict.right;
  const [a, b] = [neighbour.doc ?? neighbour.text, entry.doc ?? entry.text];
  // Long texts are in blobs, whose names are compared.
  if (a === undefined || b === undefined) return neighbour.body !== null && neighbour.body === entry.body;
  return isSameValue({ kind: neighbour.kind, text: a }, { kind: entry.kind, text: b });
}
