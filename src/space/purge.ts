import type { ClearRequest, RemovalAnswer } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { Placed } from '../catalog/copy-rows.ts';
import type { Copy } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import { Pauses } from '../runtime/pauses.ts';
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

/** The copies that match every given filter, interrupted ones too. */
export async function chooseCopies(
  { catalog, clock, matcher }: PurgeDeps,
  { glob, olderThanMs, tier, ...filter }: ClearRequest,
): Promise<Placed[]> {
  const matches = glob === undefined ? () => true : matcher([glob]);
  catalog.usage.flush();
  const wanted = {
    ...filter,
    ...(tier !== undefined && { tiers: [tier] }),
    ...(olderThanMs !== undefined && { usedBefore: clock.now() - olderThanMs }),
  };
  const chosen: Placed[] = [];
  const pauses = new Pauses();
  for (const placed of catalog.copies.placed(wanted)) {
    if (placed.copy.state !== 'evicting' && matches(placed.entry)) chosen.push(placed);
    await pauses.take();
  }
  return chosen;
}

/** Removes copies one by one; pinned, leased or open ones stay and are listed as skipped. Never touches sources. */
export async function removeCopies(
  { catalog, evictor, tiers }: PurgeDeps,
  chosen: readonly Placed[],
  { dryRun, why }: { dryRun: boolean; why: string },
): Promise<RemovalAnswer> {
  const of = tiers.all().reduce((sum, { name }) => sum + catalog.placements.totals(name).files, 0);
  const answer: RemovalAnswer = { dryRun, files: 0, of, bytes: 0, removed: [], skipped: [] };
  const inUse = await tiers.openFiles();
  const pauses = new Pauses();
  // The number of names that each file would keep.
  const left = new Map<number, number>();
  const wouldFree = ({ placement, bytes }: Copy) => {
    const names = (left.get(placement) ?? catalog.duplicates.names(placement)) - 1;
    left.set(placement, names);
    return names === 0 ? bytes : 0;
  };
  // A base leaves when all that stand on it have left.
  const leaving = new Set<number>();
  const isBase = ({ path }: Copy) => Number(catalog.bases.dependents(path).length > 0);
  for (const { copy, entry } of chosen.toSorted((a, b) => isBase(a.copy) - isBase(b.copy))) {
    await pauses.take();
    const item = { id: entry.id, path: entry.path, bytes: copy.bytes };
    const obstacle = evictor.obstacle(copy, entry, inUse, leaving);
    const outcome =
      obstacle !== null
        ? { removed: false as const, why: obstacle }
        : dryRun
          ? { removed: true as const, freed: wouldFree(copy) }
          : await evictor.evict(copy, entry, why);
    if (!outcome.removed) {
      answer.skipped.push({ ...item, why: outcome.why });
      continue;
    }
    leaving.add(copy.id);
    answer.removed.push(item);
    answer.files += 1;
    answer.bytes += outcome.freed;
  }
  return answer;
}
