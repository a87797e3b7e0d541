import type { Entry } from '../entry.ts';
import type { Store } from '../store.ts';
import { type Framed, mostShared } from './frame.ts';
import { marks } from './owed.ts';
import { longestKeptMs } from './remote-values.ts';

/** Maximum age of a result that is sent, ms: another machine may have invalidated an older one meanwhile. */
const longestWayMs = 30_000;

/**
 * A result as it is written to Redis, with its marks; null for one that stays on this machine: too large, expired, or from files
 * with an unknown fingerprint.
 * @param now wall-clock ms
 */
export async function outgoing(
  store: Store,
  { ns, key }: { ns: string; key: string },
  now: number,
): Promise<{ framed: Framed; marks: string[] } | null> {
  const entry = store.entries.find(ns, key);
  if (!entry || !isShareable(store, entry, now)) return null;
  const { kind, body, costMs, createdAt, freshUntil, endsAt } = entry;
  const text = entry.doc ?? (await store.files.read(body ?? ''))?.toString();
  const own = entry.blobs.filter(({ sha256 }) => sha256 !== body);
  const blobs = await Promise.all(own.map(({ sha256 }) => store.files.read(sha256)));
  if (text === undefined || blobs.includes(null)) return null;
  const left = (until: number | null) => (until === null ? null : Math.max(0, until - now));
  const tags = store.entries.tagsOf(entry.id);
  const deps = entry.deps.map(({ dep, state }) => ({ dep, state: state ?? '' }));
  const head = {
    ...{ ns, key, kind, costMs, tags, deps },
    blobs: own.map(({ sha256, seal }) => ({ sha256, size: seal.size })),
    ageMs: Math.max(0, now - createdAt),
    freshMs: left(freshUntil),
    endsMs: left(endsAt),
    keptMs: Math.min(left(endsAt) ?? longestKeptMs, longestKeptMs),
    marks: {},
  };
  const names = [marks.all, marks.ofNamespace(ns), ...tags.map(marks.ofTag), ...deps.map(({ dep }) => marks.ofDep(dep))];
  return { framed: { head, text, blobs: blobs as Buffer[] }, marks: names };
}

function isShareable(store: Store, { ns, epoch, bytes, createdAt, endsAt, deps }: Entry, now: number): boolean {
  const isKnown = deps.every(({ state }) => state !== null && state !== 'missing');
  const isOver = endsAt !== null && endsAt <= now;
  const isLate = Math.abs(now - createdAt) > longestWayMs;
  return isKnown && !isOver && !isLate && bytes <= mostShared && epoch === store.namespaces.of(ns).epoch;
}
