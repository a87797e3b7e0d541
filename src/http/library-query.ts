import { dirname } from 'node:path';
import type { LibraryQuery, LibraryShare, LibrarySort } from '../api/dashboard.ts';
import type { TierName } from '../core/types.ts';
import type { JobStatus, LibraryState, RootHealth } from '../core/vocabulary.ts';
import { Pauses } from '../runtime/pauses.ts';
import { searching } from './known-files.ts';
import type { IndexedFile } from './library-index.ts';

/** The facts that often change. */
export interface Moment {
  /** Copies that are queued or running, by the paths of their sources. */
  jobs: ReadonlyMap<string, JobStatus>;
  /** Health by the paths of the roots. */
  health: ReadonlyMap<string, RootHealth>;
  /** Tiers whose disk does not answer. */
  away: ReadonlySet<TierName>;
}

/** State of a file: the first of these that holds. */
function stateOf(file: IndexedFile, { jobs, health, away }: Moment): LibraryState {
  const job = jobs.get(file.path);
  if (file.tiers.length > 0) return file.tiers.every((tier) => away.has(tier)) ? 'cache-away' : 'ready';
  if (job !== undefined) return isWaiting(job) ? 'queued' : 'copying';
  if (health.get(file.root) === 'away') return 'away';
  if (!file.seen && health.get(file.root) === 'ok') return 'not-seen';
  if (file.stale) return 'changed';
  return file.leftAlone ? 'left-alone' : 'not-copied';
}

function isWaiting(status: JobStatus): boolean {
  return status === 'queued' || status === 'accounting' || status === 'paused';
}

/** The files that fit, sorted, and the number of files in each state. With pauses, since there may be 100,000. */
export async function chosen(files: readonly IndexedFile[], query: LibraryQuery, moment: Moment): Promise<Chosen> {
  const fits = filterOf(query);
  const keyOf = keyFor(query.sort ?? 'name');
  const pauses = new Pauses();
  const states = new Map<LibraryState, number>();
  const found: { file: IndexedFile; state: LibraryState; key: string | number }[] = [];
  for (const file of files) {
    const state = stateOf(file, moment);
    states.set(state, (states.get(state) ?? 0) + 1);
    if (fits(file, state)) found.push({ file, state, key: keyOf(file, state) });
    if (pauses.isDue) await pauses.take();
  }
  const sign = query.descending ? -1 : 1;
  // Files come in the order of their paths, which stays among equals.
  found.sort((a, b) => (a.key === b.key ? 0 : a.key < b.key ? -sign : sign));
  return { files: found, states };
}

export interface Chosen {
  files: readonly { file: IndexedFile; state: LibraryState }[];
  states: ReadonlyMap<LibraryState, number>;
}

function filterOf({ search, category, root, tier, state, pinned }: LibraryQuery) {
  const isMeant = search === undefined ? () => true : searching(search);
  return (file: IndexedFile, its: LibraryState) =>
    (category === undefined || category.includes(file.category ?? '')) &&
    (root === undefined || root.includes(file.root)) &&
    (tier === undefined || tier.some((name) => file.tiers.includes(name))) &&
    (pinned === undefined || pinned === file.pinned) &&
    (state === undefined || state.includes(its)) &&
    isMeant(file);
}

function keyFor(sort: LibrarySort): (file: IndexedFile, state: LibraryState) => string | number {
  switch (sort) {
    case 'name':
      return ({ rel }) => rel.toLowerCase();
    case 'folder':
      return ({ root, rel }) => `${root}/${dirname(rel)}`.toLowerCase();
    case 'category':
      return ({ category }) => category ?? '';
    case 'size':
      return ({ size }) => size;
    case 'state':
      return (_file, state) => state;
    case 'uses':
      return ({ uses }) => uses;
    case 'lastUsed':
      return ({ lastUse }) => lastUse;
  }
}

/** Files grouped by a property, the largest part of the cache first. */
export async function shares(files: readonly IndexedFile[], nameOf: (file: IndexedFile) => string): Promise<LibraryShare[]> {
  const found = new Map<string, LibraryShare>();
  const pauses = new Pauses();
  for (const file of files) {
    const name = nameOf(file);
    const share = found.get(name) ?? { name, files: 0, bytes: 0, cached: 0, cachedBytes: 0 };
    found.set(name, share);
    share.files += 1;
    share.bytes += file.size;
    share.cached += Number(file.tiers.length > 0);
    share.cachedBytes += file.cachedBytes;
    if (pauses.isDue) await pauses.take();
  }
  return [...found.values()].sort((a, b) => b.cachedBytes - a.cachedBytes || b.bytes - a.bytes);
}
