import type { MemoEntryView } from '../api/memo.ts';
import type { Entry } from './entry.ts';
import type { Store } from './store.ts';

/** An entry as lists show it. */
export function viewOf(store: Store, entry: Entry, now: number): MemoEntryView {
  const { ns, key, kind, bytes, costMs, createdAt, freshUntil, endsAt, hits, lastHitAt, label } = entry;
  const left = (until: number | null) => (until === null ? null : Math.max(0, until - now));
  return {
    ...{ ns, key, kind, bytes, costMs },
    ageMs: Math.max(0, now - createdAt),
    freshForMs: left(freshUntil),
    endsInMs: left(endsAt),
    ...{ hits, lastHitAt, label },
    tags: store.entries.tagsOf(entry.id),
  };
}
