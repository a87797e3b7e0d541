import { lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { CacheError } from '../core/errors.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { TierName } from '../core/types.ts';
import { errnoOf } from '../runtime/errnos.ts';
import type { Log } from '../runtime/log.ts';
import { type Manifest, parseManifest } from '../tiers/manifest.ts';
import { dropPartial, keepPartial, listPartials, partialFiles, readJournal } from '../tiers/partial.ts';
import { copyPathOf, isClaimed, isPlaceIn, manifestPathOf } from '../tiers/posix-tier.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface ReconcileReport {
  /** Unfinished files removed. */
  temps: number;
  /** Copies whose copying or leaving a crash cut short. */
  halves: number;
  /** Rows whose file is gone, is not what was sealed, or lies in another cache directory. */
  forgotten: number;
  /** Files with a proof that fits and no row: a crash between rename and commit, or a lost catalog. */
  adopted: number;
  /** Interrupted copies that can be gone on with. */
  resumable: number;
}

/** The tiers that outlive the daemon, one after the other; rows of such a tier that is switched off go. */
export function reconcileAll({ catalog, tiers, log }: { catalog: Catalog; tiers: Tiers; log: Log }): void {
  const outlives = (name: TierName) => !tierTraits[name].volatile;
  for (const tier of tiers) if (outlives(tier.name)) reconcile({ catalog, tier, log });
  const copies = catalog.copies.inState('copying', 'ready', 'stale', 'evicting');
  const lost = copies.filter(({ tier }) => outlives(tier) && !tiers.get(tier));
  for (const { id } of lost) catalog.copies.forget(id);
}

/** An interrupted copy that nobody went on with for so long is not wanted any more, ms. */
const partialAgeMs = 7 * 24 * 60 * 60_000;

/**
 * Makes the catalog and the tier's directory agree, before the first lookup. In this order:
 * 1. `dropTemps`: leaving files go, and unfinished ones that cannot be gone on with: their journal is not whole, the source is known
 *    to have changed, or nobody wanted them for a week.
 * 2. `forgetElsewhere`: rows of a cache directory that was configured before go; its files stay, for the day it is back.
 * 3. `dropHalves`: rows that were being copied or evicted go; a file that was leaving goes with its row.
 * 4. `forgetMissing`: rows go whose file does not match its seal.
 * 5. `adoptProven`: files come back whose proof fits; this alone rebuilds a lost catalog.
 * 6. `keepInterrupted`: what is left of unfinished files is entered into the accounts.
 * Files without a proof of ours are not touched. A copy that a program holds open stays on the books as `evicting`.
 */
export function reconcile({ catalog, tier, log }: { catalog: Catalog; tier: Tier; log: Log }): ReconcileReport {
  if (!isClaimed(tier.dir)) throw new Error(`${tier.dir} lost its marker`);
  const temps = dropTemps(catalog, tier);
  const elsewhere = forgetElsewhere(catalog, tier, log);
  const halves = dropHalves(catalog, tier);
  const missing = forgetMissing(catalog, tier, log);
  const adopted = adoptProven(catalog, tier);
  const resumable = keepInterrupted(catalog, tier);
  const report = { temps, halves, forgotten: elsewhere + missing, adopted, resumable };
  if (Object.values(report).some((count) => count > 0)) log.info(report, 'cache directory reconciled');
  return report;
}

/** The names that a copy, its proof and an eviction give to what is not in its place. */
export const tempName = /^(?:[\d-]+|[\da-f]{32})\.part(\.\w+)*$|^[\da-f-]{36}\.leaving$/;

function dropTemps(catalog: Catalog, tier: Tier): number {
  const temps = readdirSync(tier.partialDir).filter((name) => tempName.test(name));
  const resumable = listPartials(tier.partialDir).filter((temp) => isResumable(catalog, temp) && keepPartial(temp) > 0);
  const kept = new Set(resumable.flatMap((temp) => partialFiles(temp)));
  const paths = temps.map((name) => join(tier.partialDir, name));
  return paths.filter((path) => !kept.has(path) && removed(path)).length;
}

function isResumable(catalog: Catalog, temp: string): boolean {
  const journal = readJournal(temp);
  if (!journal || Date.now() - journal.writtenAt > partialAgeMs) return false;
  const known = catalog.entries.byPath(journal.source.path)?.fingerprint;
  const { size, mtimeNs } = journal.source.fingerprint;
  return !known || (known.size === size && known.mtimeNs === mtimeNs);
}

function keepInterrupted(catalog: Catalog, tier: Tier): number {
  let kept = 0;
  for (const temp of listPartials(tier.partialDir)) {
    const journal = readJournal(temp);
    if (!journal) continue;
    const { source, bytes } = journal;
    try {
      const { path } = tier.placeOf(source.root, source.rel);
      catalog.transaction(() => {
        const entry = catalog.entries.byPath(source.path) ?? catalog.entries.put(source);
        catalog.copies.enter({ entryId: entry.id, tier: tier.name, path, source: source.fingerprint, bytes });
      });
      kept += 1;
    } catch {
      dropPartial(temp);
    }
  }
  return kept;
}

function forgetElsewhere(catalog: Catalog, tier: Tier, log: Log): number {
  const copies = catalog.copies.inState('copying', 'ready', 'stale', 'evicting');
  const elsewhere = copies.filter((copy) => copy.tier === tier.name && !isPlaceIn(tier.dir, copy.path));
  for (const { id } of elsewhere) catalog.copies.forget(id);
  if (elsewhere.length > 0) log.warn({ copies: elsewhere.length }, 'copies in another cache directory are not used');
  return elsewhere.length;
}

function dropHalves(catalog: Catalog, tier: Tier): number {
  const halves = catalog.copies.inState('copying', 'evicting').filter((copy) => copy.tier === tier.name);
  const dropped = halves.filter((copy) => copy.state === 'copying' || takenOut(tier, copy.path));
  for (const { id } of dropped) catalog.copies.forget(id);
  return dropped.length;
}

function forgetMissing(catalog: Catalog, tier: Tier, log: Log): number {
  let forgotten = 0;
  for (const copy of catalog.copies.inState('ready', 'stale')) {
    if (copy.tier !== tier.name || !copy.seal) continue;
    const verdict = tier.check(copy.path, copy.seal);
    if (verdict === 'ok') continue;
    // A stale copy may have been replaced under its name just before the crash: that file is adopted below, not removed.
    const replaced = verdict === 'changed' && proofOf(manifestPathOf(tier.dir, copy.path), tier) !== undefined;
    if (verdict === 'gone' || replaced || takenOut(tier, copy.path)) catalog.copies.forget(copy.id);
    else catalog.copies.setState(copy.id, 'evicting');
    log.warn({ path: copy.path, verdict }, 'copy is not what was sealed; it is out of service');
    forgotten += 1;
  }
  return forgotten;
}

/** False when a program holds the file: the next start tries again. */
export function takenOut(tier: Tier, path: string): boolean {
  try {
    removed(tier.takeOut(path));
    return true;
  } catch (error) {
    if (error instanceof CacheError && error.code === 'IN_USE') return false;
    throw error;
  }
}

/** What cannot be removed now (held open on Windows, say) must not keep the daemon from starting. */
export function removed(path: string): boolean {
  try {
    rmSync(path, { force: true });
    return true;
  } catch {
    return false;
  }
}

function adoptProven(catalog: Catalog, tier: Tier): number {
  let adopted = 0;
  for (const manifestPath of filesBelow(join(tier.dir, 'seals'))) {
    const copyPath = copyPathOf(tier.dir, manifestPath);
    const proof = catalog.copies.byPath(copyPath) ? undefined : readProof(manifestPath);
    if (!proof || !names(proof, copyPath, tier)) continue;
    const verdict = tier.check(copyPath, proof.seal);
    if (verdict === 'gone' && isAbsent(copyPath)) removed(manifestPath);
    if (verdict !== 'ok') continue;
    adopt(catalog, tier, { proof, copyPath });
    adopted += 1;
  }
  return adopted;
}

/** Not so when the disk cannot tell: a proof that is lost then cannot be made again. */
function isAbsent(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    return errnoOf(error) === 'ENOTDIR';
  }
}

/** The proof, if the file beside it is what it proves. */
function proofOf(manifestPath: string, tier: Tier): Manifest | undefined {
  const proof = readProof(manifestPath);
  const copyPath = copyPathOf(tier.dir, manifestPath);
  return proof && names(proof, copyPath, tier) && tier.check(copyPath, proof.seal) === 'ok' ? proof : undefined;
}

function readProof(manifestPath: string): Manifest | undefined {
  try {
    return parseManifest(readFileSync(manifestPath, 'utf8'));
  } catch {
    return undefined;
  }
}

/** A proof may have been moved or edited: it must be of this place, and of the source that this is the place of. */
function names({ source }: Manifest, copyPath: string, tier: Tier): boolean {
  const { path, root, rel } = source;
  if (![root + rel, `${root}/${rel}`, `${root}\\${rel}`].includes(path)) return false;
  try {
    return tier.placeOf(root, rel).path === copyPath;
  } catch {
    return false;
  }
}

function adopt(catalog: Catalog, tier: Tier, { proof, copyPath }: { proof: Manifest; copyPath: string }): void {
  catalog.transaction(() => {
    const known = catalog.entries.byPath(proof.source.path);
    const entry = known ?? catalog.entries.put(proof.source);
    const copy = catalog.copies.enter({
      entryId: entry.id,
      tier: tier.name,
      path: copyPath,
      source: proof.source.fingerprint,
      bytes: proof.seal.size,
    });
    catalog.copies.publish(copy.id, { ...proof, source: proof.source.fingerprint });
  });
}

export function* filesBelow(dir: string): Generator<string> {
  let names: ReturnType<typeof list>;
  try {
    names = list(dir);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw error;
  }
  for (const name of names) {
    if (name.isDirectory()) yield* filesBelow(join(dir, name.name));
    else if (name.isFile() && name.name.endsWith('.json')) yield join(dir, name.name);
  }
}

function list(dir: string) {
  return readdirSync(dir, { withFileTypes: true });
}
