import type { Catalog } from '../catalog/catalog.ts';
import type { LoadedConfig } from '../config/config.ts';
import type { LiveSettings } from '../config/live-settings.ts';
import type { Entry, Medium } from '../core/types.ts';
import { Copier } from '../jobs/copier.ts';
import { CopyWorkers } from '../jobs/workers.ts';
import { Demoter } from '../placement/demoter.ts';
import type { Policy } from '../policy/policy.ts';
import type { SourceRoots } from '../roots/source-roots.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Disposal } from '../runtime/disposal.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import { Evictor } from '../space/evict.ts';
import { type Bound, trim } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { retireDamaged } from '../upkeep/damaged.ts';
import type { Leases } from '../usage/leases.ts';
import type { Speeds } from '../usage/speeds.ts';

interface CopyingDeps {
  catalog: Catalog;
  tiers: Tiers;
  events: Events;
  log: Log;
  clock: Clock;
  roots: SourceRoots;
  speeds: Speeds;
  leases: Leases;
  settings: LiveSettings;
  policy(): Policy;
  bound(tier: Tier): Bound;
}

/** What copies, evicts and compresses, put together. */
export function openCopying(
  deps: CopyingDeps,
  { config, environment }: LoadedConfig,
  opened: Disposal,
): { evictor: Evictor; copier: Copier; demoter: Demoter; trimToBound(): Promise<void> } {
  const { tiers, log, roots, speeds, leases, settings } = deps;
  const evictor = new Evictor({
    ...deps,
    isLeased: (path) => leases.isLeased(path),
    isBusy: (path) => copier.isBusy(path),
  });
  const copier = new Copier({
    ...deps,
    evictor,
    workers: new CopyWorkers(deps.clock, environment),
    limits: { jobs: config.jobs, perSource: config.jobsPerSource },
    rates: () => settings.current.rate,
    polite: config.polite,
    reread: config.verify === 'reread',
    diskOf: (root) => roots.diskOf(root),
    dailyWrites: config.dailyWrites,
    onMeasured: ({ root, path }, bytes, readMs) => {
      speeds.learn(root, bytes, readMs);
      const medium = roots.locate(path)?.medium;
      if (medium) void roots.probe(path).then((ms) => ms !== null && speeds.learnSmallReads(root, medium, ms));
    },
    onRestored: (name, bytes, ms) => speeds.learn(name, bytes, ms),
    onDamaged: (copy, entry, why) => retireDamaged(deps, { copy, entry }, { why, chunks: [] }),
  });
  opened.defer(() => copier[Symbol.asyncDispose]());
  /** Null when restoring a compressed copy would take longer than reading the source again. */
  const slowSource = ({ path, root }: Entry): Medium | null => {
    const medium = roots.locate(path)?.medium ?? 'ssd';
    return medium !== 'ssd' && speeds.ofTier('cold') > speeds.of(root, medium) ? medium : null;
  };
  const mayCopy = () => config.compress === 'cold' && settings.current.mode === 'read-write';
  const demoter = new Demoter({ ...deps, evictor, copier, mayCopy, slowSource });
  opened.defer(() => demoter[Symbol.asyncDispose]());
  const trimToBound = async () => {
    await trim({ ...deps, evictor, outstanding: () => 0 }, tiers.require('ssd'));
  };
  return {
    evictor,
    copier,
    demoter,
    trimToBound: () => trimToBound().catch((err) => log.error({ err }, 'trimming to the limit failed')),
  };
}
