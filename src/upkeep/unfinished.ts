import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import type { Pauses } from '../runtime/pauses.ts';
import { dropPartial, keepPartial, listPartials, partialFiles, readJournal } from '../tiers/partial.ts';
import type { Tier } from '../tiers/tier.ts';
import { removed, tempName } from './removal.ts';

/** Maximum age of an interrupted copy, ms. */
const partialAgeMs = 7 * 24 * 60 * 60_000;

interface Deps {
  catalog: Catalog;
  tier: Tier;
  pauses: Pick<Pauses, 'take'>;
}

/**
 * Removes leaving files, and unfinished ones that cannot be resumed: their journal is incomplete or over a week old, or the source
 * is known to have changed. @returns files removed
 */
export async function dropTemps({ catalog, tier, pauses }: Deps): Promise<number> {
  const temps = (await readdir(tier.partialDir)).filter((name) => tempName.test(name));
  const kept = new Set<string>();
  for (const temp of listPartials(tier.partialDir)) {
    if (isResumable(catalog, temp) && keepPartial(temp) > 0) for (const path of partialFiles(temp)) kept.add(path);
    await pauses.take();
  }
  let dropped = 0;
  for (const path of temps.map((name) => join(tier.partialDir, name))) {
    if (!kept.has(path) && removed(path)) dropped += 1;
    await pauses.take();
  }
  return dropped;
}

/** Enters the remaining unfinished files into the accounts. @returns their number */
export async function keepInterrupted({ catalog, tier, pauses }: Deps): Promise<number> {
  let kept = 0;
  for (const temp of listPartials(tier.partialDir)) {
    if (isEntered(temp, catalog, tier)) kept += 1;
    await pauses.take();
  }
  return kept;
}

function isResumable(catalog: Catalog, temp: string): boolean {
  const journal = readJournal(temp);
  if (!journal || Date.now() - journal.writtenAt > partialAgeMs) return false;
  const known = catalog.entries.byPath(journal.source.path)?.fingerprint;
  const { size, mtimeNs } = journal.source.fingerprint;
  return !known || (known.size === size && known.mtimeNs === mtimeNs);
}

function isEntered(temp: string, catalog: Catalog, tier: Tier): boolean {
  const journal = readJournal(temp);
  if (!journal) return false;
  const { source, bytes } = journal;
  try {
    const { path } = tier.placeOf(source.root, source.rel);
    catalog.transaction(() => {
      const entry = catalog.entries.byPath(source.path) ?? catalog.entries.put(source);
      catalog.copies.enter({ entryId: entry.id, tier: tier.name, path, source: source.fingerprint, bytes });
    });
    return true;
  } catch {
    dropPartial(temp);
    return false;
  }
}
