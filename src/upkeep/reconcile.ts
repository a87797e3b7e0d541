import { readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { errnoOf } from '../core/errors.ts';
import type { Log } from '../core/log.ts';
import { copyPathOf, isClaimed, sealPathOf } from '../tiers/posix-tier.ts';
import { parseSealFile, type SealFile } from '../tiers/seal-file.ts';
import type { Tier } from '../tiers/tier.ts';

export interface ReconcileReport {
  /** Unfinished files removed. */
  temps: number;
  /** Copies whose copying or leaving a crash cut short. */
  halves: number;
  /** Rows whose file is gone or is not what was sealed. */
  forgotten: number;
  /** Files with a proof that fits and no row: a crash between rename and commit, or a lost catalog. */
  adopted: number;
}

/**
 * Makes the catalog and the tier's directory agree, before the first lookup. In this order:
 * 1. `dropTemps`: unfinished and leaving files go.
 * 2. `dropHalves`: rows that were being copied or evicted go; a file that was leaving goes with its row.
 * 3. `forgetMissing`: rows go whose file does not match its seal.
 * 4. `adoptProven`: files come back whose proof fits; this alone rebuilds a lost catalog.
 * Files without a proof of ours are not touched.
 */
export function reconcile({ catalog, tier, log }: { catalog: Catalog; tier: Tier; log: Log }): ReconcileReport {
  if (!isClaimed(tier.dir)) throw new Error(`${tier.dir} lost its marker`);
  const temps = dropTemps(tier);
  const halves = dropHalves(catalog, tier);
  const forgotten = forgetMissing(catalog, tier, log);
  const adopted = adoptProven(catalog, tier);
  const report = { temps, halves, forgotten, adopted };
  if (Object.values(report).some((count) => count > 0)) log.info(report, 'cache directory reconciled');
  return report;
}

function dropTemps(tier: Tier): number {
  const names = readdirSync(tier.partialDir);
  for (const name of names) rmSync(join(tier.partialDir, name), { force: true });
  return names.length;
}

function dropHalves(catalog: Catalog, tier: Tier): number {
  const halves = catalog.copies.inState('copying', 'evicting').filter((copy) => copy.tier === tier.name);
  for (const copy of halves) {
    if (copy.state === 'evicting') rmSync(tier.takeOut(copy.path), { force: true });
    catalog.copies.forget(copy.id);
  }
  return halves.length;
}

function forgetMissing(catalog: Catalog, tier: Tier, log: Log): number {
  let forgotten = 0;
  for (const copy of catalog.copies.inState('ready', 'stale')) {
    if (copy.tier !== tier.name || !copy.seal) continue;
    const verdict = tier.check(copy.path, copy.seal);
    if (verdict === 'ok') continue;
    // A stale copy may have been replaced under its name just before the crash: that file is adopted below, not removed.
    if (verdict === 'changed' && !proofOf(sealPathOf(tier.dir, copy.path), tier))
      rmSync(tier.takeOut(copy.path), { force: true });
    catalog.copies.forget(copy.id);
    log.warn({ path: copy.path, verdict }, 'copy is not what was sealed; it is out of service');
    forgotten += 1;
  }
  return forgotten;
}

function adoptProven(catalog: Catalog, tier: Tier): number {
  let adopted = 0;
  for (const sealPath of filesBelow(join(tier.dir, 'seals'))) {
    const copyPath = copyPathOf(tier.dir, sealPath);
    if (catalog.copies.byPath(copyPath)) continue;
    const proof = proofOf(sealPath, tier);
    if (proof && tier.placeOf(proof.source.root, proof.source.rel).path === copyPath) {
      adopt(catalog, tier, { proof, copyPath });
      adopted += 1;
    } else if (!statSync(copyPath, { throwIfNoEntry: false })) rmSync(sealPath, { force: true });
  }
  return adopted;
}

/** The proof, if it is whole and the file beside it is what it proves. */
function proofOf(sealPath: string, tier: Tier): SealFile | undefined {
  try {
    const proof = parseSealFile(readFileSync(sealPath, 'utf8'));
    return proof && tier.check(copyPathOf(tier.dir, sealPath), proof.seal) === 'ok' ? proof : undefined;
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

function adopt(catalog: Catalog, tier: Tier, { proof, copyPath }: { proof: SealFile; copyPath: string }): void {
  catalog.transaction(() => {
    const known = catalog.entries.byPath(proof.source.path);
    const entry = known ?? catalog.entries.put(proof.source);
    const reservation = catalog.copies.reserve({
      entryId: entry.id,
      tier: tier.name,
      path: copyPath,
      source: proof.source.fingerprint,
      bytes: proof.seal.size,
      // It takes its space already; whether that is within the limit is for the next copy to settle.
      limit: Number.POSITIVE_INFINITY,
      free: Number.POSITIVE_INFINITY,
      floor: 0,
    });
    if ('copy' in reservation) {
      catalog.copies.publish(reservation.copy.id, { seal: proof.seal, hash: proof.hash, source: proof.source.fingerprint });
    }
  });
}

function* filesBelow(dir: string): Generator<string> {
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
