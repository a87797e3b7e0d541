import { dirname } from 'node:path';
import type { LibraryQuery, LibraryShare, LibrarySort } from '../api/dashboard.ts';
import type { JobStatus, LibraryState, RootHealth } from '../core/vocabulary.ts';
import { searching } from './known-files.ts';
import type { IndexedFile } from './library-index.ts';

/** What changes from moment to moment. */
export interface Moment {
  /** Copies that are queued or running, by the paths of their sources. */
  jobs: ReadonlyMap<string, JobStatus>;
  /** By the paths of the roots. */
  health: ReadonlyMap<string, RootHealth>;
}

/** How a file does: the first of these that holds. */
export function stateOf(file: IndexedFile, { jobs, health }: Moment): LibraryState {
  const job = jobs.get(file.path);
  if (file.tiers.length > 0) return 'ready';
  if (job !== undefined) return isWaiting(job) ? 'queued' : 'copying';
  if (health.get(file.root) === 'away') return 'away';
  if (!file.seen && health.get(file.root) === 'ok') return 'not-seen';
  if (file.stale) return 'changed';
  return file.leftAlone ? 'left-alone' : 'not-copied';
}

function isWaiting(status: JobStatus): boolean {
  return status === 'queued' || status === 'accounting' || status === 'paused';
}

/** The files that fit, sorted. */
export function chosen(files: readonly IndexedFile[], query: LibraryQuery, moment: Moment): IndexedFile[] {
  const isMeant = query.search === undefined ? () => true : searching(query.search);
  const { category, root, tier, state, pinned } = query;
  const fits = files.filter(
    (file) =>
      (category === undefined || category.includes(file.category ?? '')) &&
      (root === undefined || root.includes(file.root)) &&
      (tier === undefined || tier.some((name) => file.tiers.includes(name))) &&
      (pinned === undefined || pinned === file.pinned) &&
      (state === undefined || state.includes(stateOf(file, moment))) &&
      isMeant(file),
  );
  return sorted(fits, query, moment);
}

/** Files come in the order of their paths, which stays among equals. */
function sorted(files: IndexedFile[], { sort = 'name', descending = false }: LibraryQuery, moment: Moment): IndexedFile[] {
  const keyOf: Record<LibrarySort, (file: IndexedFile) => string | number> = {
    name: ({ rel }) => rel.toLowerCase(),
    folder: ({ root, rel }) => `${root}/${dirname(rel)}`.toLowerCase(),
    category: ({ category }) => category ?? '',
    size: ({ size }) => size,
    state: (file) => stateOf(file, moment),
    uses: ({ uses }) => uses,
    lastUsed: ({ lastUse }) => lastUse,
  };
  const keyed = files.map((file) => ({ file, key: keyOf[sort](file) }));
  const sign = descending ? -1 : 1;
  keyed.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -sign : sign));
  return keyed.map(({ file }) => file);
}

/** Files put together by a property, the largest part of the cache first. */
export function shares(files: readonly IndexedFile[], nameOf: (file: IndexedFile) => string): LibraryShare[] {
  const found = new Map<string, LibraryShare>();
  for (const file of files) {
    const name = nameOf(file);
    const share = found.get(name) ?? { name, files: 0, bytes: 0, cached: 0, cachedBytes: 0 };
    found.set(name, share);
    share.files += 1;
    share.bytes += file.size;
    share.cached += Number(file.tiers.length > 0);
    share.cachedBytes += file.cachedBytes;
  }
  return [...found.values()].sort((a, b) => b.cachedBytes - a.cachedBytes || b.bytes - a.bytes);
}
