import { createHash } from 'node:crypto';
import { lstatSync } from 'node:fs';
import { basename, join, sep } from 'node:path';
import { CacheError } from '../core/errors.ts';
import { meaningOf } from '../runtime/errnos.ts';

/** Maximum length of names on common file systems, and on eCryptfs, bytes; on Windows in UTF-16 units. */
const limits = { usual: 255, encrypted: 143 };
/** Maximum length of a path, with its final byte. */
const mostPath: Partial<Record<NodeJS.Platform, number>> = { linux: 4096, darwin: 1024 };

/** The maximum length of names in a directory's file system. */
export function longestName(dir: string): number {
  try {
    lstatSync(join(dir, 'x'.repeat(limits.usual)));
  } catch (error) {
    if (meaningOf(error) === 'bad-name') return limits.encrypted;
  }
  return limits.usual;
}

/** A name with our ending; if that is too long, its beginning, a hash of all of it, and the ending. */
export function nameWith(name: string, ending: string, most: number): string {
  if (lengthOf(name + ending) <= most) return name + ending;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 32);
  let begin = name;
  while (lengthOf(`${begin}~${hash}${ending}`) > most) begin = [...begin].slice(0, -1).join('');
  return `${begin}~${hash}${ending}`;
}

/** Whether a name may be one that `nameWith` has cut. */
export function isCut(name: string, ending: string): boolean {
  return /~[\da-f]{32}$/.test(name.slice(0, -ending.length));
}

/**
 * Checks that the file system allows the base name and the folders of a source, which its copy must have (law 6).
 * @throws CacheError BAD_REQUEST
 */
export function assertNameable(path: string, most: number): void {
  const long = path.split(sep).find((part) => lengthOf(part) > most);
  const isLongPath = lengthOf(path) >= (mostPath[process.platform] ?? Number.POSITIVE_INFINITY);
  if (long === undefined && !isLongPath) return;
  const what = long === undefined ? `a path of ${lengthOf(path)} bytes` : `a name of ${lengthOf(long)} bytes`;
  throw new CacheError('BAD_REQUEST', `the cache disk cannot have ${what}: ${basename(path)}`, {
    hint: 'give the file a shorter name, or put AUTOCACHE_DIR on another file system',
  });
}

function lengthOf(name: string): number {
  return process.platform === 'win32' ? name.length : Buffer.byteLength(name);
}
