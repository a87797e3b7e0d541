import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Seal } from '../core/types.ts';
import { type ErrnoMeaning, meaningOf } from '../runtime/errnos.ts';
import { moveDurably, writeDurably } from './durable.ts';
import { fitsSeal, type Manifest } from './manifest.ts';

/** Errors after which the copy needs a separate file: no hard links, too many of them, or a file that has just left. */
const refusals: ReadonlySet<ErrnoMeaning | null> = new Set(['denied', 'unsupported', 'missing']);

/**
 * Gives a copy's file a second name, to be moved to its place; null when that is impossible or the file does not match its seal.
 */
export function linkBeside(copy: { path: string; seal: Seal }, partialDir: string): string | null {
  // Never the name of an unfinished file: a copy would resume from it and write to it.
  const link = join(partialDir, `${randomUUID()}.leaving`);
  try {
    linkSync(copy.path, link);
  } catch (error) {
    if (refusals.has(meaningOf(error))) return null;
    throw error;
  }
  if (fitsSeal(lstatSync(link, { bigint: true }), copy.seal)) return link;
  rmSync(link, { force: true });
  return null;
}

/**
 * Publishes a copy that is a hard link to another one: same bytes, same mtime, same inode, one place on the disk. In the order of
 * every publication: proof, rename, fsync of the directory; the row comes after. The file itself is not touched.
 * @returns false where there are no hard links, or when the copy is gone or does not match its seal
 */
export async function publishLink({ copy, path, manifestPath, proof, temp }: LinkedCopy): Promise<boolean> {
  // A copy is not linked to itself: only its proof changes.
  const link = copy.path === path ? path : linkBeside(copy, dirname(temp));
  if (link === null) return false;
  try {
    await writeDurably(`${temp}.seal`, `${JSON.stringify({ ...proof, seal: copy.seal })}\n`);
    await moveDurably(`${temp}.seal`, manifestPath);
    if (link !== path) await moveDurably(link, path);
    return true;
  } finally {
    rmSync(`${temp}.seal`, { force: true });
    // A rename between two names of one file does nothing.
    if (link !== path) rmSync(link, { force: true });
  }
}

interface LinkedCopy {
  /** The copy to link to. */
  copy: { path: string; seal: Seal };
  path: string;
  manifestPath: string;
  proof: Omit<Manifest, 'seal'>;
  /** Temporary name, in the tier. */
  temp: string;
}
