import type { Catalog } from '../catalog/catalog.ts';
import type { Placed } from '../catalog/copy-rows.ts';
import type { Copy, Entry } from '../core/types.ts';
import { leaving } from '../policy/leaving.ts';
import type { Policy } from '../policy/policy.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Evictor } from './evict.ts';
import type { EvictionOrder } from './eviction-order.ts';
import { type Victim, victimsOf } from './victims.ts';

/** The facts that decide which copies leave for others. */
export interface ChoiceDeps {
  catalog: Catalog;
  evictor: Evictor;
  order: EvictionOrder;
  policy(): Policy;
}

/** Bytes that must come free; with a category, only by copies of that category. */
export interface Need {
  bytes: number;
  category?: string | undefined;
}

interface Choice {
  /** The source whose copy room is made for; null = none. */
  entry: Entry | null;
  /** Copies that could not be removed. */
  stuck: ReadonlySet<number>;
  /** Only copies with a lower score may leave. */
  below?: number | undefined;
}

/** The copies that leave. `lacking`: an unmet need with its missing bytes; null = all needs are met. */
export interface Chosen {
  victims: Placed[];
  bytes: number;
  lacking: Need | null;
}

/**
 * Chooses copies, lowest score first, until enough bytes would leave or nothing more can. Stale and interrupted copies come before
 * all others, as do compressed ones of files that are also plain. No name of a placement leaves while another one must stay, and none
 * leaves for the quota of a category that it does not belong to.
 */
export async function chooseVictims(
  deps: ChoiceDeps,
  tier: Tier,
  needs: readonly Need[],
  { entry, stuck, below }: Choice,
): Promise<Chosen> {
  const inUse = await tier.openFiles();
  const policy = deps.policy();
  await deps.order.prepare(policy);
  const isOwn = (copy: Copy) => copy.entryId === entry?.id && copy.tier === tier.name;
  const chosen = new Map<number, Victim>();
  let lacking: Need | null = null;
  for (const { bytes, category } of needs) {
    const isOf = ({ names }: Pick<Victim, 'names'>) =>
      category === undefined || names.every((name) => name.entry.category === category);
    const missing = bytes - sum([...chosen.values()].filter(isOf));
    if (missing <= 0) continue;
    const units = deps.order.ascending(
      policy,
      { tier: tier.name, category },
      (unit) => isOf(unit) && !chosen.has(unit.placement),
    );
    const found = leaving(victimsOf(units, deps, { isOwn, stuck, inUse, below }), missing, policy.packed ?? false);
    for (const victim of found) chosen.set(victim.placement, victim);
    const left = missing - sum(found);
    if (left > 0) lacking ??= { bytes: left, category };
  }
  const all = [...chosen.values()];
  return { victims: all.flatMap(({ names }) => names), bytes: sum(all), lacking };
}

function sum(victims: readonly Victim[]): number {
  return victims.reduce((total, { bytes }) => total + bytes, 0);
}
