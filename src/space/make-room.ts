import type { Placed } from '../catalog/copy-rows.ts';
import type { Reservation, ReserveRequest } from '../catalog/reservation.ts';
import { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry, Fingerprint } from '../core/types.ts';
import type { Candidate } from '../policy/policy.ts';
import type { Tier } from '../tiers/tier.ts';
import { type ChoiceDeps, chooseVictims, type Need } from './choose.ts';

export interface Bound {
  /** Maximum bytes in the tier. */
  limit: number;
  /** Free bytes its volume must keep. */
  floor: number;
}

/** The facts that decide a tier's room, and which copies leave for others. */
export interface SpaceDeps extends ChoiceDeps {
  bound(tier: Tier): Bound;
  /** Maximum bytes of copies of a category on the SSD; an unnamed category has only the limit. */
  quotas?(): ReadonlyMap<string, number>;
  /** Bytes on the SSD above which copies leave after the new one is made; null = none do. */
  water?(): { high: number | null };
}

export interface RoomDeps extends SpaceDeps {
  /** Bytes that running copies have reserved in the tier but not written yet. */
  outstanding(tier: Tier): number;
  /**
   * Ends work that holds room only to save space, if that frees `bytes`; null = in any case.
   * @returns false when no such work holds enough
   */
  giveWay?(bytes: number | null): Promise<boolean>;
}

interface RoomOptions {
  /** Size of the copy, if not that of the source. */
  bytes?: number;
  /** Only copies with a lower score than this may leave for it. */
  below?: number;
}

/**
 * Reserves space for a copy; if space is short, the least valuable copies leave first. Null when the policy finds those copies more
 * valuable.
 * @throws CacheError TOO_LARGE when it can never fit, CACHE_AWAY, NO_SPACE when too much of the tier is pinned or in use.
 */
export async function makeRoom(
  deps: RoomDeps,
  tier: Tier,
  { entry, source, bytes: wanted = source.size, below }: { entry: Entry; source: Fingerprint } & RoomOptions,
): Promise<Copy | null> {
  assertWritable(tier);
  const { limit } = deps.bound(tier);
  if (wanted > limit) throw new CacheError('TOO_LARGE', `the file is larger than the limit of the ${tier.name} tier`);
  const quota = quotaFor(deps, tier, entry.category);
  if (quota && wanted > quota.bytes) {
    throw new CacheError('TOO_LARGE', `the file is larger than the quota of ${quota.category}`, { hint: quotaHint });
  }
  if (!(await isWorthDisplacing(deps, tier, { entry, bytes: wanted }))) return null;
  // A copy that cannot be removed (open on Windows, say) is skipped; the others can still leave.
  const stuck = new Set<number>();
  let needed: number | null = null;
  let freed = 0;
  for (;;) {
    const reservation = reserve(deps, tier, { entry, source, bytes: wanted, quota });
    if ('copy' in reservation) return reservation.copy;
    const { over = 0 } = reservation;
    const short = Math.max(reservation.short, over);
    if (over <= 0 && (await deps.giveWay?.(short))) continue;
    needed ??= short;
    // Some file systems return space only seconds later; continuing would empty the cache meanwhile.
    if (freed >= needed) throw noSpace(tier, short, 'the disk does not show the freed space yet');
    deps.catalog.usage.flush();
    const needs = [{ bytes: over, category: quota?.category }, { bytes: reservation.short }];
    const { victims, lacking } = await chooseVictims(deps, tier, needs, { entry, stuck, below });
    if (lacking && (await deps.giveWay?.(null))) continue;
    // Freeing less than needed would cost copies and gain nothing.
    if (lacking?.category !== undefined) {
      throw new CacheError(
        'NO_SPACE',
        `${over} bytes are short in the quota of ${lacking.category}, whose copies are pinned or in use`,
        {
          hint: quotaHint,
        },
      );
    }
    if (lacking) throw noSpace(tier, short, 'the copies on it are pinned or in use');
    const displaced = victims.filter(isInService);
    const spare = victims.filter((victim) => !isInService(victim)).reduce((sum, { copy }) => sum + deps.evictor.frees(copy), 0);
    const { admit } = deps.policy();
    if (!admit(candidate(entry, wanted), displaced.map(toCandidate), deps.catalog.usage.tick, short - spare)) return null;
    for (const { copy, entry: owner } of victims) {
      const outcome = await deps.evictor.evict(copy, owner, 'space');
      if (outcome.removed) freed += outcome.freed;
      else stuck.add(copy.id);
    }
  }
}

/** Whether a copy that fits is worth more than those that leave afterwards because it exceeds high water. */
async function isWorthDisplacing(
  deps: RoomDeps,
  tier: Tier,
  { entry, bytes }: { entry: Entry; bytes: number },
): Promise<boolean> {
  const high = quotaOf(tier).resource === 'space' ? (deps.water?.().high ?? null) : null;
  const above = high === null ? 0 : deps.catalog.placements.usedUnderLimit(tier.name) + bytes - high;
  if (above <= 0) return true;
  deps.catalog.usage.flush();
  const { victims } = await chooseVictims(deps, tier, [{ bytes: above }], { entry, stuck: new Set() });
  const displaced = victims.filter(isInService).map(toCandidate);
  return deps.policy().admit(candidate(entry, bytes), displaced, deps.catalog.usage.tick, above);
}

/** @throws CacheError CACHE_AWAY, or CACHE_IO when nothing can be written to its disk */
function assertWritable(tier: Tier): void {
  const state = tier.state();
  if (state === 'away') throw new CacheError('CACHE_AWAY', 'the cache disk is away');
  if (state === 'read-only') throw new CacheError('CACHE_IO', 'nothing can be written to the cache disk');
}

/** Law 3: another program may take free space during a copy, which must not go below the floor. Null = the copy continues. */
export function whyToStop(tier: Tier, { floor }: Bound): CacheError | null {
  if (tier.state() === 'away') return new CacheError('CACHE_AWAY', 'the cache disk went away while the copy was made');
  if (tier.capacity().free >= floor) return null;
  return quotaOf(tier).resource === 'memory'
    ? new CacheError('NO_SPACE', 'memory ran short while the copy was made')
    : new CacheError('NO_SPACE', 'the free space of the cache disk came to its floor while the copy ran', {
        hint: 'Free space on the volume of the cache directory, or lower AUTOCACHE_MIN_FREE.',
      });
}

/** Evicts copies until the tier is within its bounds again: after a limit was lowered, or another program filled the disk. */
export async function trim(deps: RoomDeps, tier: Tier): Promise<void> {
  for (const { bytes, category } of overQuotas(deps, tier)) await release(deps, tier, bytes, category);
  await release(deps, tier, -roomIn(deps, tier));
}

/** The copies that other bounds would evict, and their bytes; evicts none. @param before copies that leave before these, and also count */
export async function leavingUnder(
  deps: RoomDeps,
  tier: Tier,
  bound: Bound,
  before: readonly Placed[] = [],
): Promise<{ copies: number; bytes: number }> {
  const freed = (category?: string) =>
    before
      .filter(({ entry }) => category === undefined || entry.category === category)
      .reduce((sum, { copy }) => sum + deps.evictor.frees(copy), 0);
  const short = -roomIn({ ...deps, bound: () => bound }, tier);
  const needs = [...overQuotas(deps, tier), { bytes: short }].map((need: Need) => ({
    ...need,
    bytes: need.bytes - freed(need.category),
  }));
  const gone = { copies: before.length, bytes: freed() };
  if (needs.every((need) => need.bytes <= 0)) return gone;
  const stuck = new Set(before.map(({ copy }) => copy.id));
  const { victims, bytes } = await chooseVictims(deps, tier, needs, { entry: null, stuck });
  return { copies: gone.copies + victims.length, bytes: gone.bytes + bytes };
}

/** Bytes that a copy may take without displacing another one; negative when the tier is overfull. */
export function roomIn(deps: Pick<RoomDeps, 'catalog' | 'bound' | 'outstanding'>, tier: Tier): number {
  const { limit, floor } = deps.bound(tier);
  const free = tier.capacity().free - deps.outstanding(tier);
  return Math.min(limit - deps.catalog.placements.usedUnderLimit(tier.name), free - floor);
}

/** Evicts the least valuable copies, of a category if one is named, until this many bytes are free or nothing more can leave. */
export async function release(deps: RoomDeps, tier: Tier, bytes: number, category?: string): Promise<void> {
  const stuck = new Set<number>();
  let short = bytes;
  while (short > 0) {
    deps.catalog.usage.flush();
    const { victims } = await chooseVictims(deps, tier, [{ bytes: short, category }], { entry: null, stuck });
    if (victims.length === 0) return;
    for (const { copy, entry } of victims) {
      const outcome = await deps.evictor.evict(copy, entry, quotaOf(tier).resource);
      if (outcome.removed) short -= outcome.freed;
      else stuck.add(copy.id);
    }
  }
}

const quotaOf = ({ name }: Tier) => tierTraits[name].quota;
const quotaHint = 'AUTOCACHE_QUOTAS bounds the copies of each category.';

/** A compressed form takes the place of a larger copy, so it needs no quota. */
function quotaFor({ quotas }: SpaceDeps, { name }: Tier, category: string | null) {
  const { quota, form } = tierTraits[name];
  const bytes = category !== null && quota.resource === 'space' && form === 'plain' ? quotas?.().get(category) : undefined;
  return category === null || bytes === undefined ? undefined : { category, bytes };
}

/** The excess of each category over its quota. */
function overQuotas({ catalog, quotas }: SpaceDeps, { name }: Tier): Need[] {
  if (tierTraits[name].quota.resource !== 'space') return [];
  return [...(quotas?.() ?? [])].map(([category, most]) => ({
    bytes: catalog.placements.usedByCategory(name, category) - most,
    category,
  }));
}

function noSpace(tier: Tier, short: number, why: string): CacheError {
  return new CacheError('NO_SPACE', `${short} bytes are short on the ${tier.name} tier, and ${why}`, {
    hint: `Raise ${quotaOf(tier).settings.limit}, unpin something, or try again when nothing is loading.`,
  });
}

function reserve(
  { catalog, bound, outstanding }: RoomDeps,
  tier: Tier,
  { entry, source, bytes, quota }: { entry: Entry; source: Fingerprint; bytes: number } & Pick<ReserveRequest, 'quota'>,
): Reservation {
  const { limit, floor } = bound(tier);
  const free = tier.capacity().free - outstanding(tier);
  const { path } = tier.placeOf(entry.root, entry.rel);
  const left = catalog.copies.ofEntry(entry.id).find((copy) => copy.state === 'copying' && copy.tier === tier.name);
  return catalog.copies.reserve({
    entryId: entry.id,
    tier: tier.name,
    path,
    source,
    bytes,
    limit,
    free,
    floor,
    quota,
    ...(left && { replaces: left }),
  });
}

function candidate(entry: Entry, bytes: number): Candidate {
  return { entry, bytes };
}

const isInService = ({ copy }: Placed) => copy.state === 'ready';

function toCandidate({ copy, entry }: Placed): Candidate {
  return candidate(entry, copy.bytes);
}
