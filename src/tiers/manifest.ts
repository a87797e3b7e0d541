import { randomUUID } from 'node:crypto';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { Fingerprint, Seal, SourceFile } from '../core/types.ts';
import { readSmallFile } from '../runtime/small-file.ts';

/**
 * The proof beside every copy: enough to rebuild the catalog's row without the source, and to find a flipped bit by reading the
 * copy alone.
 */
export interface Manifest {
  version: 1;
  source: { path: string; root: string; rel: string; category: string | null; fingerprint: Fingerprint };
  /** Of the file on the disk, compressed or not. */
  seal: Seal;
  /** Of the source's bytes, like all hashes here. */
  hash: string;
  /** XXH3-128 of each 8 MiB chunk, hex, joined. */
  chunks: string;
  /** The SHA-256 that model sites publish, hex; null where computing it would have slowed the copy down. */
  sha256: string | null;
}

/** Whether a file's stat matches a seal. */
export function fitsSeal(stat: { size: bigint; mtimeNs: bigint; ino: bigint }, seal: Seal): boolean {
  return Number(stat.size) === seal.size && String(stat.mtimeNs) === seal.mtimeNs && String(stat.ino) === seal.ino;
}

const digits = z.string().regex(/^-?\d+$/);
const size = z.number().int().nonnegative();

const source = z.object({
  path: z.string().min(1),
  root: z.string().min(1),
  rel: z.string().min(1),
  category: z.string().nullable(),
  fingerprint: z.object({ size, mtimeNs: digits, ctimeNs: digits.exactOptional(), ino: digits.nullable() }),
});

const schema = z.object({
  version: z.literal(1),
  source,
  seal: z.object({ size, mtimeNs: digits, ino: digits }),
  hash: z.string().min(1),
  chunks: z.string(),
  sha256: z
    .string()
    .regex(/^[\da-f]{64}$/)
    .nullable()
    .default(null),
});

/** The proof, or undefined when the text is not a whole one (a crash can leave half of one). */
export function parseManifest(text: string): Manifest | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** Of a proof; that of a file of a terabyte is smaller. */
export const mostProofBytes = 64 * 1024 * 1024;

/** The proof at `path`, or undefined when there is no whole one. */
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

/** The part that names the source, or undefined. */
export function parseSource(value: unknown): SourceFile | undefined {
  return source.safeParse(value).data;
}
