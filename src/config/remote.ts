import { isAbsolute, join, normalize, relative, resolve, sep } from 'node:path';
import { CacheError } from '../core/errors.ts';

/** Keys for the environment only: a file planted in a working directory must not lead programs to another daemon. */
export const environmentKeys = {
  url: 'AUTOCACHE_URL',
  tokenFile: 'AUTOCACHE_TOKEN_FILE',
  pathMap: 'AUTOCACHE_PATH_MAP',
} as const;

/** The daemon for programs that share neither its state directory nor its paths, as in a container. */
export interface Remote {
  /** Null = the address in `daemon.json`. */
  url: string | null;
  /** Null = the one in the state directory. */
  tokenFile: string | null;
  /** Directories as the daemon calls them and as this program does. */
  pathMap: readonly PathPair[];
}

interface PathPair {
  daemon: string;
  here: string;
}

/** @throws CacheError BAD_CONFIG */
export function parseRemote(env: NodeJS.ProcessEnv): Remote {
  const given = (key: string) => env[key]?.trim() || null;
  const url = given(environmentKeys.url);
  if (url !== null && !(URL.canParse(url) && new URL(url).protocol === 'http:')) {
    throw bad(`${environmentKeys.url}: expected an address such as http://127.0.0.1:8389, got ${JSON.stringify(url)}`);
  }
  const tokenFile = given(environmentKeys.tokenFile);
  const pathMap = (given(environmentKeys.pathMap) ?? '').split(';').filter((item) => item.trim() !== '');
  return { url, tokenFile: tokenFile && resolve(tokenFile), pathMap: pathMap.map(parsePair) };
}

/** `path` as the daemon calls it. */
export function toDaemon({ pathMap }: Pick<Remote, 'pathMap'>, path: string): string {
  const pair = pathMap.find(({ here }) => isWithin(path, here));
  return pair ? join(pair.daemon, relative(pair.here, path)) : path;
}

/** `path` of the daemon as this program calls it. */
export function fromDaemon({ pathMap }: Pick<Remote, 'pathMap'>, path: string): string {
  const pair = pathMap.find(({ daemon }) => isWithin(path, daemon));
  return pair ? join(pair.here, relative(pair.daemon, path)) : path;
}

/** True when the path is normalised (no `..`), and is the directory or inside it. */
export function isWithin(path: string, directory: string): boolean {
  const below = directory.endsWith(sep) ? directory : directory + sep;
  return normalize(path) === path && (path === directory || path.startsWith(below));
}

function parsePair(text: string): PathPair {
  const [daemon = '', here = '', ...more] = text.trim().split('=');
  if (more.length > 0 || !isAbsolute(daemon) || !isAbsolute(here)) {
    throw bad(
      `${environmentKeys.pathMap}: expected pairs such as /srv/cache=/cache, separated by ";", got ${JSON.stringify(text)}`,
    );
  }
  return { daemon: normalize(daemon), here: normalize(here) };
}

function bad(message: string): CacheError {
  return new CacheError('BAD_CONFIG', message);
}
