import type { LoadedConfig } from '../config/config.ts';
import { ServedSettings } from '../config/served-settings.ts';
import { TierBounds } from '../config/tier-bounds.ts';
import type { Mode } from '../core/types.ts';
import { currentFilters, type FilteredFile } from '../lookup/filters.ts';
import { liesOnNetwork } from '../media/medium.ts';
import type { ForeseenFiles } from '../policy/foreseen-files.ts';
import { policies } from '../policy/policies.ts';
import type { Policy, PolicyContext } from '../policy/policy.ts';
import type { QueuedFiles } from '../policy/queued-files.ts';
import type { Bound } from '../space/make-room.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Context } from './context.ts';
import type { Sources } from './sources.ts';
import type { Storage } from './storage.ts';

/** Settings that may change at runtime, as functions. */
export interface Rules {
  mode(): Mode;
  policy(): Policy;
  bound(tier: Tier): Bound;
  /** Maximum bytes of categories in the SSD tier and those that share its limit. */
  quotas(): ReadonlyMap<string, number>;
  water: TierBounds['water'];
  /** Maximum bytes of variants, as a part of the SSD tier's limit. */
  variantsLimit(): number;
  maxAgeMs(): number | null;
  ramSoft(): number;
}

/** The settings in force. */
export function openSettings(loaded: LoadedConfig, { catalog }: Storage, { log, events }: Context): ServedSettings {
  const isLocal = async (path: string) => !(await liesOnNetwork(path));
  return new ServedSettings({ loaded, saved: catalog.settings, events, log, isLocal });
}

/** The rules that the other parts read from the settings. */
export function rulesOf(
  settings: ServedSettings,
  { catalog, tier, ram }: Storage,
  { sourceSpeeds: { secondsPerByte, pace } }: Sources,
  { clock, events, log, opened }: Context,
  { queuedFiles, foreseenFiles }: { queuedFiles: QueuedFiles; foreseenFiles: ForeseenFiles },
): Rules & { bounds: TierBounds } {
  const bounds = new TierBounds({
    settings,
    saved: catalog.settings,
    volume: () => ({ ...tier.capacity(), used: catalog.placements.usedUnderLimit(tier.name) }),
    ram: ram?.bound ?? null,
    log,
  });
  opened.defer(events.subscribe((name) => name === 'accounting' && bounds.renew()));
  const now = () => clock.now();
  const facts: PolicyContext = {
    now,
    secondsPerByte,
    pace,
    habits: () => catalog.entries.habits.get(),
    farm: () => catalog.entries.farm?.heard() ?? null,
    expected: (path) => queuedFiles.expected(path, now()),
    expectedLater: (path) => queuedFiles.expectedLater(path, now()),
    foreseen: (path) => foreseenFiles.likely(path, now()),
  };
  let policy: Policy | null = null;
  return {
    mode: () => settings.mode(),
    policy: () => {
      const { policy: name } = settings.current;
      // One object for as long as it is in force: the order of the copies is kept for it.
      if (policy?.name !== name) policy = policies[name](facts);
      return policy;
    },
    bound: (of: Tier) => bounds.of(of),
    quotas: () => bounds.quotas(),
    water: () => bounds.water(),
    variantsLimit: () => bounds.variants(),
    maxAgeMs: () => bounds.maxAgeMs(),
    ramSoft: () => settings.current.ramSoft,
    bounds,
  };
}

/** Whether the settings leave a companion out; it comes along with its model whatever AUTOCACHE_INCLUDE and _CATEGORIES choose. */
export function isLeftOutBy(settings: ServedSettings, limit: () => number): (file: FilteredFile, size: number) => boolean {
  const filters = currentFilters(
    () => settings.current,
    (of) => ({ ...of, include: [], categories: [] }),
  );
  return (file, size) => filters.excluded(file) || filters.tooLarge(file.category, size, limit());
}
