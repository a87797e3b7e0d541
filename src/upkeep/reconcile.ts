import type { Catalog } from '../catalog/catalog.ts';
import { isWrittenTo } from '../catalog/written.ts';
import { tierTraits } from '../core/tier-traits.ts';
import { type Copy, type CopyState, copyStates, type TierName, tierNames } from '../core/types.ts';
import type { Log } from '../runtime/log.ts';
import { Pauses } from '../runtime/pauses.ts';
import { giveAway, hasNewTime } from '../tiers/foreign.ts';
import { isClaimed } from '../tiers/marker.ts';
import { isPlaceIn } from '../tiers/posix-tier.ts';
import type { PosixTier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { emptyRam } from './empty-ram.ts';
import { adopt, copyOf, proofsOf, readProof, readUnsealed } from './proofs.ts';
import { removed, takenOut } from './removal.ts';
import { dropTemps, keepInterrupted } from './unfinished.ts';
import type { Unproven } from './unproven.ts';

export interface ReconcileReport {
  /** Unfinished files removed. */
  temps: number;
  /** Copies whose copying or eviction was interrupted by a crash. */
  halves: number;
  /** Rows whose file is gone, does not match its seal, or is in another cache directory. */
  forgotten: number;
  /** Files with a matching proof and no row: a crash between rename and commit, or a lost catalog. */
  adopted: number;
  /** Interrupted copies that can be resumed. */
  resumable: number;
}

interface Deps {
  catalog: Catalog;
  log: Log;
  pauses?: Pick<Pauses, 'isDue' | 'take'>;
  /** Reads copies that have a proof but do not match their seal; without it they are removed. */
  unproven?: Pick<Unproven, 'take' | 'holds'>;
  /** Whether a program was given the path of this copy, also before this start: a file that it saved there belongs to the user. */
  wasGiven?(path: string): boolean;
  /** Receives the number of rows or proofs just checked. */
  onSeen?(count: number): void;
}

type Reconciling = Required<Omit<Deps, 'unproven'>> & Pick<Deps, 'unproven'> & { tier: PosixTier };

/** Rows read at once. */
const pageSize = 100;

/** All tiers, one after the other: empties volatile ones, and drops the rows of tiers that are switched off. */
export async function reconcileAll({ tiers, ...deps }: Deps & { tiers: Tiers<PosixTier> }): Promise<void> {
  const { catalog, pauses = new Pauses() } = deps;
  await pauses.take();
  for (const name of tierNames) {
    const tier = tiers.get(name);
    if (!tier) await eachCopy({ catalog, pauses, tier: name }, copyStates, ({ id }) => catalog.copies.forget(id));
    else if (tierTraits[name].volatile) await emptyRam(catalog, tier);
    // Its copies are not forgotten; all of this is repeated when it is back.
    else if (tier.state() !== 'away') await reconcile({ ...deps, tier, pauses });
  }
}

/**
 * Makes the catalog and the tier's directory agree. Lookups are answered in its pauses; no copy may be made. In this order:
 * 1. `dropTemps`: removes leaving files, and unfinished ones that cannot be resumed: their journal is incomplete or over a week
 *    old, or the source is known to have changed.
 * 2. `dropHalves`: drops rows that were being copied or evicted; a leaving file goes with its row.
 * 3. `forgetMissing`: drops rows whose file does not match its seal.
 * 4. `adoptProven`: adds files whose proof matches; this alone rebuilds a lost catalog. Files that
 *    do not match their seal are read and compared with their proof (`Unproven`).
 * 5. `keepInterrupted`: enters the remaining unfinished files into the accounts.
 * Rows of a formerly configured cache directory go; its files stay, in case it comes back. Files without a proof of ours are not
 * touched. A copy that a program holds open stays accounted for as `evicting`. After an interruption, the next start begins anew.
 */
export async function reconcile({
  catalog,
  tier,
  log,
  pauses = new Pauses(),
  unproven,
  wasGiven = () => false,
  onSeen = () => {},
}: Deps & { tier: PosixTier }): Promise<ReconcileReport> {
  if (!isClaimed(tier.dir)) throw new Error(`${tier.dir} lost its marker`);
  const reconciling = { catalog, tier, log, pauses, wasGiven, onSeen, ...(unproven && { unproven }) };
  const temps = await dropTemps(reconciling);
  const { halves, elsewhere } = await dropHalves(reconciling);
  const missing = await forgetMissing(reconciling);
  const adopted = await adoptProven(reconciling);
  const resumable = await keepInterrupted(reconciling);
  const forgotten = elsewhere + missing.elsewhere + missing.forgotten;
  const report = { temps, halves, forgotten, adopted, resumable };
  if (elsewhere + missing.elsewhere > 0) log.warn({ dir: tier.dir }, 'copies in another cache directory are not used');
  if (Object.values(report).some((count) => count > 0)) log.info(report, 'cache directory reconciled');
  return report;
}

async function dropHalves({ catalog, tier, pauses }: Reconciling): Promise<{ halves: number; elsewhere: number }> {
  const dropped = { halves: 0, elsewhere: 0 };
  await eachCopy({ catalog, pauses, tier: tier.name }, ['copying', 'evicting'], (copy) => {
    const isElsewhere = !isPlaceIn(tier.dir, copy.path);
    if (!isElsewhere && copy.state === 'evicting' && !takenOut(tier, copy.path)) return;
    catalog.copies.forget(copy.id);
    dropped[isElsewhere ? 'elsewhere' : 'halves'] += 1;
  });
  return dropped;
}

async function forgetMissing({
  catalog,
  tier,
  log,
  pauses,
  unproven,
  wasGiven,
  onSeen,
}: Reconciling): Promise<{ forgotten: number; elsewhere: number }> {
  const missing = { forgotten: 0, elsewhere: 0 };
  await eachCopy({ catalog, pauses, tier: tier.name }, ['ready', 'stale'], (copy) => {
    onSeen(1);
    if (unproven?.holds(copy.path)) return;
    const verdict = copy.seal ? tier.check(copy.path, copy.seal) : 'ok';
    if (verdict === 'ok' || verdict === 'away') return;
    // A stale copy may have been replaced under its name just before the crash: that file is adopted below, not removed.
    const manifestPath = tier.manifestPathOf(copy.path);
    const replaced = verdict === 'changed' && typeof readProof(tier, manifestPath) === 'object';
    // It is entered again below, and read.
    const isProvable = unproven !== undefined && verdict === 'changed' && readUnsealed(tier, manifestPath) !== null;
    const isSaved = !replaced && !isProvable && wasGiven(copy.path) && hasNewTime(copy.path, copy.seal);
    if (isWrittenTo(copy, verdict, isSaved)) {
      catalog.written.disown(copy);
      giveAway(tier, copy.path);
      return;
    }
    const leavesFile = verdict === 'elsewhere' || verdict === 'gone' || replaced || isProvable;
    if (leavesFile || takenOut(tier, copy.path)) catalog.copies.forget(copy.id);
    else catalog.copies.setState(copy.id, 'evicting');
    if (verdict !== 'elsewhere')
      log.warn({ path: copy.path, verdict }, 'copy is gone or has changed since it was sealed; it is out of service');
    missing[verdict === 'elsewhere' ? 'elsewhere' : 'forgotten'] += 1;
  });
  return missing;
}

async function adoptProven({ catalog, tier, pauses, unproven, onSeen }: Reconciling): Promise<number> {
  let adopted = 0;
  for await (const manifests of proofsOf(tier)) {
    onSeen(manifests.length);
    const places = manifests.map((path) => copyOf(tier, path));
    const unentered = new Set(catalog.copies.unknown(places));
    const unknown = manifests.filter((_path, index) => unentered.has(places[index] ?? ''));
    const left = unknown.length > 0 ? catalog.transaction(() => unknown.filter((path) => !adoptAt(path, catalog, tier))) : [];
    adopted += unknown.length - left.length;
    for (const path of unproven ? left : []) {
      const unsealed = readUnsealed(tier, path);
      if (unsealed) unproven?.take(tier, unsealed);
    }
    await pauses.take();
  }
  return adopted;
}

/** False when the proof is not valid. */
function adoptAt(manifestPath: string, catalog: Catalog, tier: PosixTier): boolean {
  const found = readProof(tier, manifestPath);
  if (found === 'absent') removed(manifestPath);
  if (typeof found !== 'object') return false;
  adopt(catalog, tier, found);
  return true;
}

/**
 * Calls `step` for every copy of a tier in one of these states. The catalog may change in a pause and in `step`, so each copy is
 * read in its turn.
 */
async function eachCopy(
  { catalog, tier, pauses }: Pick<Reconciling, 'catalog' | 'pauses'> & { tier: TierName },
  states: readonly CopyState[],
  step: (copy: Copy) => void,
): Promise<void> {
  for (const state of states) {
    for (let after = 0; ; ) {
      const page = catalog.copies.page({ tier, state, after, most: pageSize });
      if (page.length === 0) break;
      for (const copy of page) {
        step(copy);
        after = copy.id;
        // Rows read before a pause may be outdated after it.
        if (pauses.isDue) break;
      }
      await pauses.take();
    }
  }
}
