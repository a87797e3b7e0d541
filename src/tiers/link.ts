import { randomUUID } from 'node:crypto';
import { linkSync, lstatSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Seal } from '../core/types.ts';
import { type ErrnoMeaning, meaningOf } from '../runtime/errnos.ts';
import { fitsSeal, type Manifest } from './manifest.ts';
import { moveDurably, writeDurably } from './publish.ts';

/** Without hard links, out of them, or the file has just left: there is to be a file of its own. */
const refusals: ReadonlySet<ErrnoMeaning | null> = new Set(['denied', 'unsupported', 'missing']);

/** Gives the file of a copy a second name, to be moved to its place; null where that cannot be, or when it is not what was sealed. */
export function linkBeside(copy: { path: string; seal: Seal }, partialDir: string): string | null {
  // Never the name of an unfinished file: that would be gone on with, and written to.
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
 * Publishes a copy that is a hard link of another one: same bytes, same mtime, same inode, one place on the disk. In the order of
 * every publication: proof, rename, fsync of the directory; the row comes after. The file itself is not touched.
 * @returns false where there are no hard links, or when the copy is gone or not what was sealed
 */
export function publishLink({ copy, path, manifestPath, proof, temp }: LinkedCopy): boolean {
  const link = linkBeside(copy, dirname(temp));
  if (link === null) return false;
  try {
    writeDurably(`${temp}.seal`, `${JSON.stringify({ ...proof, seal: copy.seal })}\n`);
    moveDurably(`${temp}.seal`, manifestPath);
    moveDurably(link, path);
    return true;
  } finally {
    rmSync(`${temp}.seal`, { force: true });
    // A rename between two names of one file does nothing.
    rmSync(link, { force: true });
  }
}

interface LinkedCopy {
  /** The copy that is given another name. */
  copy: { path: string; seal: Seal };
  path: string;
  manifestPath: string;
  proof: Omit<Manifest, 'seal'>;
  /** Name for what is unfinished, in the tier. */
  temp: string;
}
