import type { Catalog } from '../catalog/catalog.ts';
import type { ActiveJobs } from '../jobs/active-jobs.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Deduplicator } from '../placement/deduplicate.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import type { PosixTier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { compareTouched } from '../upkeep/compare-touched.ts';
import { EndedPrograms } from '../upkeep/ended-programs.ts';
import { startFlushing } from '../upkeep/flush.ts';
import { PublishedCheck } from '../upkeep/published.ts';
import { retryAfterOutage } from '../upkeep/retry-after-outage.ts';
import { Scrub } from '../upkeep/scrub.ts';
import { WrittenFiles, type WrittenFilesDeps } from '../upkeep/written.ts';
import type { HandedOut } from '../usage/handed-out.ts';
import type { Leases } from '../usage/leases.ts';
import type { Speeds } from '../usage/speeds.ts';
import type { Warmer } from '../usage/warmer.ts';
import type { Context } from './context.ts';

export interface UpkeepParts extends Context {
  catalog: Catalog;
  tiers: Tiers<PosixTier>;
  accounts: WrittenFilesDeps['accounts'];
  sources: Pick<SourceRoots, 'locate' | 'check' | 'published'>;
  copier: Copier;
  duplicates: Deduplicator;
  warmer: Warmer;
  leases: Leases;
  handedOut: HandedOut;
  active: ActiveJobs;
  speeds: Speeds;
  scrubMs(): number | null;
  onTrouble(error: unknown): void;
}

/** The parts that keep the cache true to its sources and to its own hashes. */
export interface Upkeep {
  scrub: Scrub;
  published: PublishedCheck;
  written: WrittenFiles;
}

export function openUpkeep(parts: UpkeepParts): Upkeep {
  const { copier, duplicates, warmer, speeds, scrubMs, opened } = parts;
  const published = new PublishedCheck(parts);
  opened.defer(published.start());
  const scrub = new Scrub({
    ...parts,
    recopy: (entry) => warmer.recopy(entry),
    onMeasured: (tier, bytes, readMs) => speeds.learn(tier, bytes, readMs),
    onIdentified: (copy, entry) => {
      duplicates.later([copy]);
      void published.check(entry);
    },
    periodMs: scrubMs,
  });
  opened.defer(() => scrub[Symbol.asyncDispose]());
  opened.defer(retryAfterOutage({ ...parts, failures: copier.failures }));
  opened.defer(compareTouched(parts));
  opened.defer(startFlushing(parts));
  const endedPrograms = new EndedPrograms(parts);
  opened.defer(() => endedPrograms[Symbol.asyncDispose]());
  endedPrograms.start();
  const written = new WrittenFiles(parts);
  opened.defer(() => written[Symbol.asyncDispose]());
  written.start();
  return { scrub, published, written };
}
