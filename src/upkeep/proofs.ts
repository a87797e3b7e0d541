import { lstatSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { type Manifest, mostProofBytes, parseManifest } from '../tiers/manifest.ts';
import { isCut } from '../tiers/names.ts';
import { copyPathOf } from '../tiers/posix-tier.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { filesBelow } from './files-below.ts';

/** A copy and its proof, which matches this file at this place. */
export interface Proven {
  proof: Manifest;
  copyPath: string;
}

/** The paths of all proofs of a tier, in batches; does not follow links. @throws the error of reading a directory */
export function proofsOf(tier: PosixTier): AsyncGenerator<string[]> {
  return filesBelow(join(tier.dir, 'seals'), {
    isMeant: (entry) => entry.isDirectory() || entry.name.endsWith('.json'),
  });
}

/** The path of a proof's copy. */
export function copyOf(tier: PosixTier, manifestPath: string): string {
  const ending = '.json';
  const proof = isCut(basename(manifestPath), ending) ? parseManifest(readText(manifestPath)) : undefined;
  try {
    if (proof) return tier.placeOf(proof.source.root, proof.source.rel).path;
  } catch {
    // It names no path in this tier.
  }
  return copyPathOf(tier.dir, manifestPath);
}

/** The proof at this path, if it matches its file. `absent`: the file does not exist. */
export function readProof(tier: PosixTier, manifestPath: string): Proven | 'unfit' | 'absent' {
  const copyPath = copyOf(tier, manifestPath);
  const proof = parseManifest(readText(manifestPath));
  if (!proof || !names(proof, copyPath, manifestPath, tier)) return 'unfit';
  const verdict = tier.check(copyPath, proof.seal);
  if (verdict === 'gone' && isAbsent(copyPath)) return 'absent';
  return verdict === 'ok' ? { proof, copyPath } : 'unfit';
}

/** The proof at this path if its file does not match its seal but may still have its bytes; else null. */
export function readUnsealed(tier: PosixTier, manifestPath: string): Proven | null {
  const copyPath = copyOf(tier, manifestPath);
  const proof = parseManifest(readText(manifestPath));
  if (!proof || !names(proof, copyPath, manifestPath, tier) || tier.check(copyPath, proof.seal) !== 'changed') return null;
  return lstatSync(copyPath, { throwIfNoEntry: false })?.size === proof.seal.size ? { proof, copyPath } : null;
}

/** Puts the copy into service from its proof alone; newer facts of a changed source are kept. */
export function adopt(catalog: Catalog, tier: PosixTier, { proof, copyPath }: Proven): void {
  const { source, seal, hash, sha256, bases } = proof;
  catalog.transaction(() => {
    const entry = catalog.entries.byPath(source.path) ?? catalog.entries.put(source);
    const written = { seal, hash, sha256, source: source.fingerprint };
    catalog.copies.adopt({ entryId: entry.id, tier: tier.name, path: copyPath }, written);
    const placement = catalog.copies.byPath(copyPath)?.placement;
    if (bases && placement !== undefined)
      catalog.bases.set(
        placement,
        bases.map((file) => join(tier.dir, file)),
      );
  });
}

function readText(path: string): string {
  try {
    return readSmallFileSync(path, mostProofBytes).toString('utf8');
  } catch {
    return '';
  }
}

/** A proof may have been moved or edited: it must name this place and the source that belongs here. */
function names({ source }: Manifest, copyPath: string, manifestPath: string, tier: PosixTier): boolean {
  const { path, root, rel } = source;
  if (![root + rel, `${root}/${rel}`, `${root}\\${rel}`].includes(path)) return false;
  try {
    return tier.placeOf(root, rel).path === copyPath && tier.manifestPathOf(copyPath) === manifestPath;
  } catch {
    return false;
  }
}

/** False when the disk cannot answer: a lost proof cannot be made again. */
function isAbsent(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) === undefined;
  } catch (error) {
    return errnoOf(error) === 'ENOTDIR';
  }
}
