import { createHash } from 'node:crypto';
import { basename, join, sep } from 'node:path';
import { CacheError } from '../core/errors.ts';

/** The readable part of a mirror's name, which must not be longer than names may be. */
const mostReadable = 244;

/**
 * The path of a copy inside its tier: a mirror of the source's root, then the source's path below it. The mirror has a readable
 * name and a hash that separates roots of equal names.
 * @throws CacheError BAD_REQUEST when `rel` names no file below the root
 */
export function mirrorPath(root: string, rel: string): string {
  const hash = createHash('sha256').update(root).digest('hex').slice(0, 10);
  const readable =
    basename(root)
      .replace(/[^\w.-]/g, '_')
      .slice(0, mostReadable) || 'root';
  const mirror = `${readable}-${hash}`;
  const below = join(mirror, rel);
  if (!below.startsWith(mirror + sep) || below.endsWith(sep) || below.includes('\0')) {
    throw new CacheError('BAD_REQUEST', `${JSON.stringify(rel)} names no file below ${root}`);
  }
  return below;
}
