import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { vi } from 'vitest';
import type { LookupAnswer, LookupRequest } from '../../src/api/api.ts';
import type { Medium, Mode, SourceState } from '../../src/core/types.ts';
import type { Located, LookupDeps } from '../../src/lookup/deps.ts';
import { createFilters, type FilterOptions } from '../../src/lookup/filters.ts';
import { Lookup } from '../../src/lookup/lookup.ts';
import { LookupStats } from '../../src/lookup/stats.ts';
import { Speeds } from '../../src/usage/speeds.ts';
import { fingerprintOf } from './files.ts';
import { createRig, type RigOptions } from './rig.ts';

export interface LookupRigOptions extends RigOptions {
  waitMaxMs?: number;
  filters?: Partial<FilterOptions>;
}

export type LookupRig = ReturnType<typeof createLookupRig>;

const legacy: Record<string, string> = { clip: 'text_encoders', unet: 'diffusion_models' };

/** The rig with a lookup before it. One root; what a registry of roots would know is set by hand in `sources`. */
export function createLookupRig(options: LookupRigOptions = {}) {
  const rig = createRig({ workers: 'inline', ...options });
  const sources = {
    mode: 'read-write' as Mode,
    medium: 'hdd' as Medium,
    /** Why the root does not answer, or null. */
    away: null as string | null,
    /** Other paths of a source: links and doubled names. */
    aliases: new Map<string, string>(),
  };
  const locate = (path: string): Located | null => {
    const canonical = sources.aliases.get(path) ?? path;
    if (!canonical.startsWith(join(rig.root, '/'))) return null;
    const { rel, category } = rig.place(canonical);
    const current = category === null ? null : (legacy[category] ?? category);
    return { path: canonical, root: rig.root, rel, category: current, medium: sources.medium };
  };
  const statSource = vi.fn(async ({ path }: Located): Promise<SourceState> => {
    if (sources.away !== null) return { state: 'away', why: sources.away };
    return existsSync(path) ? { state: 'present', fingerprint: fingerprintOf(path) } : { state: 'missing' };
  });
  const stats = new LookupStats();
  const speeds = new Speeds(rig.catalog.speeds);
  const deps: LookupDeps = {
    catalog: rig.catalog,
    tiers: rig.tiers,
    locate: vi.fn(locate),
    candidates: vi.fn((category, name) => {
      const folders = new Set([
        category,
        ...Object.keys(legacy).filter((old) => legacy[old] === (legacy[category] ?? category)),
      ]);
      const found = [...folders, legacy[category] ?? category].map((folder) => locate(join(rig.root, folder, name)));
      return [...new Map(found.flatMap((located) => (located ? [[located.path, located] as const] : []))).values()];
    }),
    statSource,
    requestCopy: vi.fn((request) => rig.copier.request(request)),
    isComplete: () => true,
    onServed: vi.fn(),
    activeJob: (path) => rig.copier.activeJob(path),
    recentFailure: (path) => rig.copier.failures.recent(path),
    onTrouble: vi.fn(),
    onDamaged: vi.fn((copy, entry) => void rig.evictor.evict(copy, entry, 'damaged').catch((err) => rig.log.error({ err }))),
    secondsSaved: (source, tier, bytes) => speeds.secondsSaved(source, tier, bytes),
    mode: () => sources.mode,
    filters: createFilters({
      minSize: { overall: 0, by: {} },
      maxSize: { overall: null, by: {} },
      include: [],
      exclude: [],
      categories: [],
      ...options.filters,
    }),
    limit: () => rig.bound.limit,
    onMiss: 'wait',
    waitMaxMs: options.waitMaxMs ?? 60_000,
    speeds,
    bytesAhead: (located) => rig.copier.bytesAhead(located),
    rateFor: () => null,
    leases: rig.leases,
    stats,
    clock: rig.clock,
    log: rig.log,
  };
  const lookup = new Lookup(deps);
  const ask = (path: string | undefined, part: Partial<LookupRequest> = {}): Promise<LookupAnswer> =>
    lookup.answer({
      ...(path !== undefined && { path }),
      purpose: 'load',
      waitMs: 0,
      client: { app: 'comfyui', pid: 1 },
      ...part,
    });
  /** Where the copy of this source lies or would lie. */
  const placeOf = (path: string) => rig.tier.placeOf(rig.root, rig.place(path).rel).path;
  return { ...rig, sources, deps, lookup, stats, speeds, ask, placeOf };
}

/** Lets what was put off until after an answer run. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** A rig with a source that has a copy in service. */
export async function withCopy(options: LookupRigOptions = {}, rel = 'checkpoints/a.safetensors') {
  const rig = createLookupRig(options);
  const { path, bytes } = rig.source(rel, 2 * 1024 * 1024);
  await rig.copy(path);
  return { rig, path, bytes, copy: rig.placeOf(path) };
}
