import type { ClearRequest, RemovalAnswer } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Copy, Entry } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Evictor } from './evict.ts';

export interface PurgeDeps {
  catalog: Catalog;
  evictor: Evictor;
  tiers: Tiers;
  clock: Clock;
  /** Compiles a glob over path, name below the root and base name. */
  matcher(globs: readonly string[]): (file: { path: string; rel: string }) => boolean;
}

export interface Chosen {
  copy: Copy;
  entry: Entry;
}

/** The copies that match every given filter, interrupted ones too. */
export function chooseCopies({ catalog, clock, matcher }: PurgeDeps, filter: ClearRequest): Chosen[] {
  const matches = filter.glob === undefined ? () => true : matcher([filter.glob]);
  const usedBefore = filter.olderThanMs === undefined ? null : clock.now() - filter.olderThanMs;
  catalog.usage.flush();
  return catalog.copies.inState('ready', 'stale', 'copying').flatMap((copy) => {
    const entry = catalog.entries.byId(copy.entryId);
    if (!entry || !matches(entry)) return [];
    if (filter.category !== undefined && entry.category !== filter.category) return [];
    if (filter.root !== undefined && entry.root !== filter.root) return [];
    if (filter.tier !== undefined && copy.tier !== filter.tier) return [];
    if (filter.largerThan !== undefined && copy.bytes <= filter.largerThan) return [];
    if (usedBefore !== null && (entry.lastUsedAt ?? 0) >= usedBefore) return [];
    return [{ copy, entry }];
  });
}

/** Removes copies one by one; pinned, leased or open ones stay and are listed as skipped. Never touches sources. */
export async function removeCopies(
  { catalog, evictor, tiers }: PurgeDeps,
  chosen: readonly Chosen[],
  { dryRun, why }: { dryRun: boolean; why: string },
): Promise<RemovalAnswer> {
  const of = tiers.all().reduce((sum, { name }) => sum + catalog.placements.totals(name).files, 0);
  const answer: RemovalAnswer = { dryRun, files: 0, of, bytes: 0, removed: [], skipped: [] };
  const open = await Promise.all(tiers.all().map((tier) => tier.openFiles()));
  const inUse = new Set(open.flatMap((paths) => [...paths]));
  const gone = new Set<number>();
  for (const { copy, entry } of chosen) {
    const item = { id: entry.id, path: entry.path, bytes: copy.bytes };
    const obstacle = evictor.obstacle(copy, entry, inUse);
    const outcome =
      obstacle !== null
        ? { removed: false as const, why: obstacle }
        : dryRun
          ? { removed: true as const, freed: evictor.frees(copy, gone) }
          : await evictor.evict(copy, entry, why);
    if (!outcome.removed) {
      answer.skipped.push({ ...item, why: outcome.why });
      continue;
    }
    answer.removed.push(item);
    answer.files += 1;
    answer.bytes += outcome.freed;
    gone.add(copy.id);
  }
  return answer;
}
