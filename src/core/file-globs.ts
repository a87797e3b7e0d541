import { compileGlob } from './glob.ts';
import { lastName } from './last-name.ts';

/** Matches globs as `--glob`, AUTOCACHE_INCLUDE and AUTOCACHE_EXCLUDE define them. @throws CacheError BAD_REQUEST */
export function matcher(globs: readonly string[]): (file: { path: string; rel: string }) => boolean {
  const options = { ignoreCase: process.platform !== 'linux', backslash: process.platform === 'win32' };
  const matches = globs.map((glob) => compileGlob(glob, options));
  const isMatch = (text: string) => matches.some((one) => one(text));
  return ({ path, rel }) =>
    isMatch(path) || isMatch(rel) || isMatch(options.backslash ? lastName(rel) : rel.slice(rel.lastIndexOf('/') + 1));
}
