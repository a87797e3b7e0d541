import type { Catalog } from '../catalog/catalog.ts';
import type { Copy, Entry } from '../core/types.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface DamagedDeps {
  catalog: Catalog;
  tiers: Tiers;
  events: Events;
  log: Log;
}

interface Damaged {
  copy: Copy;
  entry: Entry;
}

/**
 * Takes a damaged copy out of service, with all that share its file or stand on it, and reports it. The file stays until space is
 * needed.
 * @param chunks the numbers of the differing 8 MiB chunks, empty when unknown
 * @returns the copy and those that went with it
 */
export function retireDamaged(
  { catalog, tiers, events, log }: DamagedDeps,
  found: Damaged,
  { why, chunks }: { why: string; chunks: number[] },
): Damaged[] {
  // The state of its bytes is unknown then.
  if (tiers.get(found.copy.tier)?.state() === 'away') return [];
  const links = catalog.duplicates.linksOf(found.copy).flatMap((copy): Damaged[] => {
    const entry = copy.state === 'ready' ? catalog.entries.byId(copy.entryId) : undefined;
    return entry ? [{ copy, entry }] : [];
  });
  const standing = [found, ...links]
    .flatMap(({ copy }) => catalog.bases.dependents(copy.path))
    .flatMap((id): Damaged[] => {
      const copy = catalog.copies.byId(id);
      const entry = copy?.state === 'ready' ? catalog.entries.byId(copy.entryId) : undefined;
      return copy && entry ? [{ copy, entry }] : [];
    });
  const damaged = [found, ...links, ...standing];
  for (const { copy } of damaged) catalog.copies.retire(copy.id);
  for (const { copy, entry } of damaged) {
    events.emit('copy-damaged', { entry: entry.id, path: entry.path, copy: copy.path, tier: copy.tier, why, chunks });
    log.error({ path: entry.path, copy: copy.path, why, chunks }, 'a copy is damaged; it is out of service');
    dropProof(copy, tiers.get(copy.tier), log);
  }
  return damaged;
}

/** Without its proof, a rebuilt catalog does not adopt the copy. */
function dropProof({ path }: Copy, tier: Tier | undefined, log: Log): void {
  try {
    tier?.dropManifest(path);
  } catch (err) {
    log.warn({ path, err }, 'the proof of a damaged copy could not be removed');
  }
}
