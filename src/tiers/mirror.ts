import { createHash } from 'node:crypto';
import { basename, join, sep } from 'node:path';
import { CacheError } from '../core/errors.ts';

/** Maximum length of the readable part of a mirror's name. */
const mostReadable = 244;

/** Number of digits of the hash after the readable part of a mirror's name. */
const hashDigits = 10;

/**
 * The path of a copy inside its tier: a mirror of the source's root, then the source's path below it. The mirror has a readable
 * name and a hash that separates roots of equal names.
 * @throws CacheError BAD_REQUEST when `rel` names no file below the root
 */
export function mirrorPath(root: string, rel: string): string {
  const hash = createHash('sha256').update(root).digest('hex').slice(0, hashDigits);
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

/** The directory of the tier that a path of a copy is in, by the name of its mirror; null when it is none. */
export function tierDirOf(path: string): string | null {
  const parts = path.split(sep);
  const isMirror = (name: string | undefined) =>
    name !== undefined && new RegExp(`^[\\w.-]+-[0-9a-f]{${hashDigits}}$`).test(name);
  const at = parts.findIndex((name, index) => name === 'files' && isMirror(parts[index + 1]));
  return at < 1 ? null : parts.slice(0, at).join(sep);
}
