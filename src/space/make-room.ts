import type { Catalog } from '../catalog/catalog.ts';
import type { Reservation } from '../catalog/copies.ts';
import type { Placed } from '../catalog/copy-rows.ts';
import { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Copy, Entry, Fingerprint } from '../core/types.ts';
import { leaving } from '../policy/leaving.ts';
import type { Candidate, Policy } from '../policy/policy.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Evictor } from './evict.ts';
import type { EvictionOrder } from './eviction-order.ts';
import { victimsOf } from './victims.ts';

export interface Bound {
  /** Maximum bytes in the tier. */
  limit: number;
  /** Free bytes its volume must keep. */
  floor: number;
}

/** The facts that decide a tier's room, and which copies leave for others. */
export interface SpaceDeps {
  catalog: Catalog;
  evictor: Evictor;
  order: EvictionOrder;
  policy(): Policy;
  bound(tier: Tier): Bound;
}

export interface RoomDeps extends SpaceDeps {
  /** Bytes that running copies have reserved in the tier but not written yet. */
  outstanding(tier: Tier): number;
  /**
   * Ends work that holds room only to save space, if that frees so many bytes; null = in any case.
   * @returns false when there is no such work, or it does not hold enough
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
  // A copy that cannot be removed (open on Windows, say) is skipped; the others can still leave.
  const stuck = new Set<number>();
  let needed: number | null = null;
  let freed = 0;
  for (;;) {
    const reservation = reserve(deps, tier, { entry, source, bytes: wanted });
    if ('copy' in reservation) return reservation.copy;
    const { short } = reservation;
    if (await deps.giveWay?.(short)) continue;
    needed ??= short;
    // Some file systems give space back only seconds later; going on would empty the cache meanwhile.
    if (freed >= needed) throw noSpace(tier, short, 'the disk does not show the freed space yet');
    deps.catalog.usage.flush();
    const { victims, bytes } = await chooseCandidates(deps, tier, {
      entry,
      short,
      stuck,
      ...(below !== undefined && { below }),
    });
    if (bytes < short && (await deps.giveWay?.(null))) continue;
    // Freeing less than needed would cost copies and gain nothing.
    if (bytes < short) throw noSpace(tier, short, 'the copies on it are pinned or in use');
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

/** @throws CacheError CACHE_AWAY, or CACHE_IO when its disk is read-only */
function assertWritable(tier: Tier): void {
  const state = tier.state();
  if (state === 'away') throw new CacheError('CACHE_AWAY', 'the cache disk is away');
  if (state === 'read-only') throw new CacheError('CACHE_IO', 'the cache disk is read-only');
}

/** Evicts copies until the tier is within its bounds again: after the limit was lowered, or another program filled the disk. */
export async function trim(deps: RoomDeps, tier: Tier): Promise<void> {
  await release(deps, tier, -roomIn(deps, tier));
}

/** The copies that other bounds would evict, and their bytes; none leave. */
export async function leavingUnder(deps: RoomDeps, tier: Tier, bound: Bound): Promise<{ copies: number; bytes: number }> {
  const short = -roomIn({ ...deps, bound: () => bound }, tier);
  if (short <= 0) return { copies: 0, bytes: 0 };
  const { victims, bytes } = await chooseCandidates(deps, tier, { entry: null, short, stuck: new Set() });
  return { copies: victims.length, bytes };
}

/** Bytes that a copy may take without displacing another one; negative when the tier is overfull. */
export function roomIn(deps: Pick<RoomDeps, 'catalog' | 'bound' | 'outstanding'>, tier: Tier): number {
  const { limit, floor } = deps.bound(tier);
  const free = tier.capacity().free - deps.outstanding(tier);
  return Math.min(limit - deps.catalog.placements.usedUnderLimit(tier.name), free - floor);
}

/** Evicts the least valuable copies until this many bytes are free, or nothing more can leave. */
export async function release(deps: RoomDeps, tier: Tier, bytes: number): Promise<void> {
  const stuck = new Set<number>();
  let short = bytes;
  while (short > 0) {
    deps.catalog.usage.flush();
    const { victims } = await chooseCandidates(deps, tier, { entry: null, short, stuck });
    if (victims.length === 0) return;
    for (const { copy, entry } of victims) {
      const outcome = await deps.evictor.evict(copy, entry, quotaOf(tier).resource);
      if (outcome.removed) short -= outcome.freed;
      else stuck.add(copy.id);
    }
  }
}

const quotaOf = ({ name }: Tier) => tierTraits[name].quota;

function noSpace(tier: Tier, short: number, why: string): CacheError {
  return new CacheError('NO_SPACE', `${short} bytes are short on the ${tier.name} tier, and ${why}`, {
    hint: `Raise ${quotaOf(tier).settings.limit}, unpin something, or try again when nothing is loading.`,
  });
}

function reserve(
  { catalog, bound, outstanding }: RoomDeps,
  tier: Tier,
  { entry, source, bytes }: { entry: Entry; source: Fingerprint; bytes: number },
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
    ...(left && { replaces: left }),
  });
}

/**
 * Chooses copies, lowest score first, until enough bytes would leave or nothing more can. Stale and interrupted copies come before
 * all others, as do compressed ones of files that are also plain. No name of a placement leaves while another one must stay.
 */
async function chooseCandidates(
  deps: RoomDeps,
  tier: Tier,
  { entry, short, stuck, below }: { entry: Entry | null; short: number; stuck: ReadonlySet<number>; below?: number },
): Promise<{ victims: Placed[]; bytes: number }> {
  const inUse = await tier.openFiles();
  const policy = deps.policy();
  await deps.order.prepare(policy);
  const isOwn = (copy: Copy) => copy.entryId === entry?.id && copy.tier === tier.name;
  const units = deps.order.ascending(policy, { tier: tier.name });
  const leavable = victimsOf(units, deps, { isOwn, stuck, inUse, ...(below !== undefined && { below }) });
  const victims = leaving(leavable, short, policy.packed ?? false);
  return { victims: victims.flatMap(({ names }) => names), bytes: victims.reduce((sum, { bytes }) => sum + bytes, 0) };
}

function candidate(entry: Entry, bytes: number): Candidate {
  return { entry, bytes };
}

const isInService = ({ copy }: Placed) => copy.state === 'ready';

function toCandidate({ copy, entry }: Placed): Candidate {
  return candidate(entry, copy.bytes);
}
