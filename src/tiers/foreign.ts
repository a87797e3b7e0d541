import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { opendir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Seal } from '../core/types.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { isByItself } from '../weights/extensions.ts';
import type { PosixTier, Tier } from './tier.ts';

/** The files in one directory of a tier without our proof: programs created or rewrote them. */
export function* foreignFilesIn(tier: PosixTier, directory: string): Iterable<string> {
  const files = entriesOf(directory).filter((entry) => entry.isFile() && !isByItself(entry.name));
  if (files.length === 0) return;
  const proofs = new Set(entriesOf(dirname(tier.manifestPathOf(join(directory, 'any')))).map(({ name }) => name));
  for (const { name } of files) {
    const path = join(directory, name);
    if (!proofs.has(basename(tier.manifestPathOf(path)))) yield path;
  }
}

/** The directories in a directory. */
export function directoriesIn(directory: string): string[] {
  return entriesOf(directory).flatMap((entry) => (entry.isDirectory() ? [join(directory, entry.name)] : []));
}

/** Every directory of a tier that holds copies. */
export function directoriesOf(tier: PosixTier): AsyncGenerator<string> {
  return directoriesBelow(join(tier.dir, 'files'));
}

async function* directoriesBelow(directory: string): AsyncGenerator<string> {
  const below: string[] = [];
  try {
    for await (const entry of await opendir(directory)) if (entry.isDirectory()) below.push(join(directory, entry.name));
  } catch (error) {
    if (meaningOf(error) === 'missing') return;
    throw error;
  }
  yield directory;
  for (const next of below) yield* directoriesBelow(next);
}

/** Size in bytes, and mtime in ns; null when it is not a file. */
export function lookAtFile(path: string): { bytes: number; mtimeNs: string } | null {
  const found = lstatSync(path, { bigint: true, throwIfNoEntry: false });
  return found?.isFile() ? { bytes: Number(found.size), mtimeNs: String(found.mtimeNs) } : null;
}

/**
 * Whether a copy that does not match its seal was written to: damage does not change its time. A copy that has just replaced an older
 * one has its own proof before it has its row.
 */
export async function isRewritten(tier: Tier, path: string): Promise<boolean> {
  return hasNewTime(path, (await tier.manifestOf(path))?.seal ?? null);
}

/** Whether the file at this path exists and was written to since it was sealed. */
export function hasNewTime(path: string, seal: Seal | null): boolean {
  const found = lookAtFile(path);
  return seal !== null && found !== null && found.mtimeNs !== seal.mtimeNs;
}

/** Leaves a copy that a program has rewritten to the user: removes its proof, and the mode that marks copies. */
export function giveAway(tier: Tier, path: string): void {
  tier.dropManifest(path);
  try {
    if (process.platform !== 'win32') chmodSync(path, 0o644);
  } catch {
    // A file system without modes, or the program has just removed it.
  }
}

function entriesOf(directory: string) {
  try {
    return readdirSync(directory, { withFileTypes: true });
  } catch (error) {
    if (meaningOf(error) === 'missing') return [];
    throw error;
  }
}
