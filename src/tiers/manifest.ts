import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { jsonOf } from '../core/json.ts';
import { isExactly, isInteger, isMatch, isName, isNullOr, isOptional, isShaped, isString } from '../core/shape.ts';
import type { Fingerprint, Seal, SourceFile } from '../core/types.ts';
import { readSmallFile } from '../runtime/small-file.ts';

/**
 * The proof beside every copy: enough to rebuild the catalog's row without the source, and to find a flipped bit by reading the
 * copy alone.
 */
export interface Manifest {
  version: 1;
  source: { path: string; root: string; rel: string; category: string | null; fingerprint: Fingerprint };
  /** Seal of the file on the disk, compressed or not. */
  seal: Seal;
  /** Hash of the source's bytes, like all hashes here. */
  hash: string;
  /** XXH3-128 of each 8 MiB chunk, hex, joined. */
  chunks: string;
  /** The SHA-256 that model sites publish, hex; null where computing it would have slowed the copy down. */
  sha256: string | null;
  /** The bases of a compressed file, relative to the directory of the tier, with forward slashes. */
  bases?: string[];
}

/** Whether a file's stat matches a seal. */
export function fitsSeal(stat: { size: bigint; mtimeNs: bigint; ino: bigint }, seal: Seal): boolean {
  return Number(stat.size) === seal.size && String(stat.mtimeNs) === seal.mtimeNs && String(stat.ino) === seal.ino;
}

const isSize = isInteger();
const isDigits = isMatch(/^-?\d+$/);

/** The part that names the source. */
export const isSource = isShaped<SourceFile>({
  path: isName,
  root: isName,
  rel: isName,
  category: isNullOr(isString),
  fingerprint: isShaped<Fingerprint>({
    size: isSize,
    mtimeNs: isDigits,
    ctimeNs: isOptional(isDigits),
    ino: isNullOr(isDigits),
  }),
});

const isManifest = isShaped<Manifest>({
  version: isExactly(1),
  source: isSource,
  seal: isShaped<Seal>({ size: isSize, mtimeNs: isDigits, ino: isDigits }),
  hash: isName,
  chunks: isString,
  sha256: isNullOr(isMatch(/^[\da-f]{64}$/)),
  bases: isOptional((value): value is string[] => Array.isArray(value) && value.every(isName)),
});

/** The proof, or undefined when the text is not a whole one (a crash can leave half of one). */
export function parseManifest(text: string): Manifest | undefined {
  const json = jsonOf(text);
  const proof = typeof json === 'object' ? { sha256: null, ...json } : null;
  return isManifest(proof) ? proof : undefined;
}

/** Maximum size of a proof; that of a file of a terabyte is smaller. */
export const mostProofBytes = 64 * 1024 * 1024;

/** The proof at `path`, or undefined when it is absent or incomplete. */
export async function readManifest(path: string): Promise<Manifest | undefined> {
  const bytes = await readSmallFile(path, mostProofBytes).catch(() => null);
  return parseManifest(bytes?.toString('utf8') ?? '');
}

/** Writes the new proof of a copy durably, to replace the old one. @returns its path until it is renamed */
export async function prepareManifest(partialDir: string, proof: Manifest): Promise<string> {
  // The next start removes files with such names.
  const path = join(partialDir, `${randomUUID()}.leaving`);
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(`${JSON.stringify(proof)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  return path;
}
