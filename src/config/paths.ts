import { type PlatformPath, posix, win32 } from 'node:path';
import { CacheError } from '../core/errors.ts';
import { type Medium, media } from '../core/types.ts';
import { expected } from '../core/units.ts';
import type { Directories } from './directories.ts';
import type { Config } from './types.ts';

/** The context of a path: the system, its user, and the place where the value was written. */
export interface PathContext {
  platform: NodeJS.Platform;
  home: string;
  /** Base of relative paths: the directory of the .env file, or the working directory; null = they are refused. */
  base: string | null;
  defaults: Directories;
}

/** Path functions of a platform, not only of the running one. */
export function pathsOf(platform: NodeJS.Platform): PlatformPath {
  return platform === 'win32' ? win32 : posix;
}

/**
 * `text` as an absolute path; `~` is the home directory.
 * @throws CacheError BAD_REQUEST for a relative path without a base, and for text that would silently become a strange directory
 * below the working directory: an unexpanded variable, an address, or a Windows path on another system.
 */
export function parsePath(text: string, context: Omit<PathContext, 'defaults'>): string {
  const windows = context.platform === 'win32';
  if (text === '') throw expected('a path', text);
  if (/^\$|\$\{/.test(text) || (windows && /%\w+%/.test(text))) {
    throw expected('a path without variables (~ stands for your home directory)', text);
  }
  if (/^[a-z][a-z\d+.-]+:\/\//i.test(text)) throw expected('a directory (mount the address first)', text);
  if (!windows && /^(?:[a-z]:[\\/]|\\\\)/i.test(text)) {
    throw expected('a path of this system (WSL shows drive C: as /mnt/c)', text);
  }
  const path = text.replace(/^~(?=$|[\\/])/, () => context.home);
  const paths = pathsOf(context.platform);
  if (context.base === null && !paths.isAbsolute(path)) throw expected('an absolute path', text);
  return paths.resolve(context.base ?? '', path);
}

/** Directories separated by `;`, on POSIX by `:` too. @throws CacheError BAD_REQUEST */
export function parsePaths(text: string, context: PathContext): string[] {
  return [...new Set(splitPaths(text, context.platform).map((item) => parsePath(item, context)))];
}

/**
 * Roots, each `path` or `path=kind`. The text after the last `=` is a kind unless it holds a slash; a directory with `=` in its
 * name therefore needs its kind.
 * @throws CacheError BAD_REQUEST
 */
export function parseRoots(text: string, context: PathContext): Config['roots'] {
  const roots = new Map<string, Medium | null>();
  for (const item of splitPaths(text, context.platform)) {
    const root = parseRoot(item, context);
    const other = roots.get(root.path);
    if (other !== undefined && other !== root.kind) {
      throw new CacheError('BAD_REQUEST', `${root.path} is listed twice, with different kinds`);
    }
    roots.set(root.path, root.kind);
  }
  return [...roots].map(([path, kind]) => ({ path, kind }));
}

function parseRoot(item: string, context: PathContext): Config['roots'][number] {
  const [, before, after] = /^(.*)=([^=/\\]*)$/.exec(item) ?? [];
  const kind = after === undefined ? null : parseMedium(after);
  const path = (before ?? item).trim();
  if (!path.startsWith('s3://')) return { path: parsePath(path, context), kind };
  if (kind !== null && kind !== 's3') throw expected('s3 as the kind of an s3:// address', item);
  return { path, kind: 's3' };
}

/** `hdd`, `nas`, `s3` or `ssd`. @throws CacheError BAD_REQUEST */
export function parseMedium(text: string): Medium {
  const medium = media.find((name) => name === text.trim().toLowerCase());
  if (!medium) throw expected(`a kind, one of ${media.join(', ')}`, text);
  return medium;
}

function splitPaths(text: string, platform: NodeJS.Platform): string[] {
  if (platform !== 'win32' && /(?:^|[;:])[a-z]:[\\/]/i.test(text)) {
    throw expected('paths of this system (WSL shows drive C: as /mnt/c)', text);
  }
  // A comma separates only if another path plainly follows.
  const separated = text.replace(/,\s*(?=[/~]|[a-z]:[\\/]|\\\\|[a-z][a-z\d+.-]+:\/\/)/gi, ';');
  // The colon of an address such as s3://bucket is no separator.
  const parts = separated.split(platform === 'win32' ? ';' : /;|:(?!(?<=(?:^|[;:])[a-z][a-z\d+.-]+:)\/\/)/i);
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}
