import { posix, win32 } from 'node:path';
import { foldCase } from '../core/fold-case.ts';

/** Path rules of one platform: which paths are equal, and which lie below another. All lexical. */
export interface PathRules {
  sep: string;
  /** The absolute path in its one spelling, without a trailing separator; null when it is not absolute. */
  normalise(path: string): string | null;
  /** Equal for two normalised spellings of one path. */
  key(path: string): string;
  join(...parts: string[]): string;
  dirname(path: string): string;
}

export const posixPaths: PathRules = {
  sep: '/',
  normalise: (path) => (path.startsWith('/') && !path.includes('\0') ? trimEnd(posix.normalize(path), '/', 1) : null),
  key: (path) => path,
  join: posix.join,
  dirname: posix.dirname,
};

/** Volumes of macOS ignore case, unless they were made otherwise. */
const macPaths: PathRules = { ...posixPaths, key: foldCase };

export const windowsPaths: PathRules = {
  sep: '\\',
  normalise(path) {
    const plain = path
      .replaceAll('/', '\\')
      .replace(/^\\\\\?\\UNC\\/i, '\\\\')
      .replace(/^\\\\\?\\/, '');
    // `\models` and `C:models` depend on the current drive or folder of the calling program.
    if (!/^([a-z]:\\|\\\\[^\\]+\\[^\\]+)/i.test(plain) || plain.includes('\0')) return null;
    const normal = win32.normalize(plain);
    return trimEnd(normal, '\\', win32.parse(normal).root.length);
  },
  // The root of a share or a drive has a trailing separator; below them the spelling is that of `normalise`.
  key: (path) => trimEnd(path, '\\', 0).toLowerCase(),
  join: win32.join,
  dirname: win32.dirname,
};

export function pathRules(platform: NodeJS.Platform = process.platform): PathRules {
  if (platform === 'darwin') return macPaths;
  return platform === 'win32' ? windowsPaths : posixPaths;
}

function trimEnd(path: string, separator: string, least: number): string {
  return path.length > least && path.endsWith(separator) ? path.slice(0, -1) : path;
}

/** Whether a normalised path lies below another one (and is not it). */
export function liesBelow(path: string, directory: string, rules: PathRules): boolean {
  const inner = rules.key(path);
  const outer = rules.key(directory);
  return inner !== outer && inner.startsWith(outer.endsWith(rules.sep) ? outer : `${outer}${rules.sep}`);
}

/**
 * A model name as ComfyUI cleans it before joining it to a folder: `relpath(join('/', name), '/')`, so that `../../x` stays inside.
 * Null for a name that no file can have, and on Windows for one with a drive, a share or a stream in it.
 */
export function cleanName(name: string, rules: PathRules): string | null {
  if (name.includes('\0')) return null;
  const windows = rules.sep === '\\';
  if (windows && (name.includes(':') || /^[\\/]{2}/.test(name))) return null;
  const clean = windows ? win32.join('\\', name) : posix.join('/', name);
  return trimEnd(clean, rules.sep, 1).slice(1) || null;
}
