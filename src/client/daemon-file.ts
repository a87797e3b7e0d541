import { statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { type DaemonFile, directoriesName, tokenPattern } from '../api/daemon-file.ts';
import { groupFromEnvironment, remoteFromEnvironment } from '../config/env.ts';
import type { Remote } from '../config/remote.ts';
import { CacheError, sentenceOf, troubleOf } from '../core/errors.ts';
import { errnoOf, meaningOf } from '../runtime/errnos.ts';
import { readPrivately, troubleWith } from '../runtime/private-file.ts';

export interface FoundDaemon extends DaemonFile {
  token: string;
  /** Directories below which a path in an answer is believed. */
  directories: readonly string[];
  pathMap: Remote['pathMap'];
}

export function daemonFilePath(stateDir: string): string {
  return join(stateDir, 'daemon.json');
}

/**
 * The daemon that last wrote its address into the state directory, or the one named by the environment; it may have died since.
 * Only files that no other user can have written are trusted, and only an address of this machine unless the environment names
 * another.
 * @throws CacheError `NOT_RUNNING` when there is none, `UNAUTHORIZED` when its token is not ours to read.
 */
export function findDaemon(
  stateDir: string,
  remote: Remote = remoteFromEnvironment(),
  group: number | null = groupFromEnvironment(),
): FoundDaemon {
  const rule = remote.tokenFile === null ? 'secret' : 'any';
  if (remote.url !== null) {
    const tokenFile = remote.tokenFile ?? join(stateDir, 'token');
    const there = { url: remote.url, pid: 0, version: '', tokenFile };
    const directories = remote.pathMap.map(({ here }) => here);
    return { ...there, token: readToken(tokenFile, rule, group), directories, pathMap: remote.pathMap };
  }
  const path = daemonFilePath(stateDir);
  const found = parse(readOurs(stateDir, path, group), path);
  const tokenFile = remote.tokenFile ?? resolve(stateDir, found.tokenFile);
  if (remote.tokenFile === null && dirname(tokenFile) !== resolve(stateDir)) {
    throw noToken(`${path} names a file outside the state directory`);
  }
  return {
    ...found,
    tokenFile,
    token: readToken(tokenFile, rule, group),
    directories: readDirectories(stateDir, group),
    pathMap: [],
  };
}

function readOurs(stateDir: string, path: string, group: number | null): string {
  try {
    const trouble = troubleWith(statSync(stateDir), 0o022, undefined, group);
    if (trouble) throw new Error(`${stateDir} ${trouble}`);
    return readPrivately(path, 'ours', group);
  } catch (error) {
    return notRunning(error, path);
  }
}

/** A file named in the environment may belong to another user, as a container's secret does. */
function readToken(file: string, rule: 'secret' | 'any', group: number | null): string {
  let token: string;
  try {
    token = readPrivately(file, rule, group).trim();
  } catch (cause) {
    throw noToken(sentenceOf(cause), cause, hintFor(file));
  }
  if (!tokenPattern.test(token)) throw noToken(`${file} does not hold a token`);
  return token;
}

const usualHint = 'run this command as the user that started the daemon';

/** A hint for this user's own token that a group may read: the daemon knows of the group, this environment does not. */
function hintFor(file: string): string {
  const found = statSync(file, { throwIfNoEntry: false });
  const isShared = found?.uid === process.geteuid?.() && ((found?.mode ?? 0) & 0o077) === 0o040;
  return isShared ? `the daemon shares it with a group: set AUTOCACHE_GROUP=${found?.gid} in this environment, too` : usualHint;
}

function noToken(why: string, cause?: unknown, hint = usualHint): CacheError {
  return new CacheError('UNAUTHORIZED', `the daemon's token cannot be read: ${why}`, { hint, cause });
}

/** None when the file cannot be read: then only sources are opened. */
function readDirectories(stateDir: string, group: number | null): string[] {
  try {
    const { directories } = JSON.parse(readPrivately(join(stateDir, directoriesName), 'ours', group)) as Record<
      string,
      unknown
    >;
    return Array.isArray(directories) ? directories.filter((dir) => typeof dir === 'string') : [];
  } catch {
    return [];
  }
}

function notRunning(cause: unknown, path: string): never {
  if (errnoOf(cause) === 'ENOENT')
    throw new CacheError('NOT_RUNNING', 'the daemon is not running', { hint: 'autocached start', cause });
  const meaning = meaningOf(cause);
  const isOthers = meaning === null || meaning === 'denied';
  throw new CacheError('NOT_RUNNING', `${path} cannot be read: ${troubleOf(cause)}`, {
    hint: isOthers
      ? 'run this command as the user that started the daemon, or share it with a group: AUTOCACHE_GROUP'
      : 'name the state directory of the daemon: AUTOCACHE_STATE, or --state DIR',
    cause,
  });
}

function parse(text: string, path: string): DaemonFile {
  const file = fieldsOf(text);
  if (!file) throw new CacheError('NOT_RUNNING', `${path} does not say where the daemon is`, { hint: 'autocached start' });
  if (isLoopback(file.url)) return file;
  throw new CacheError('NOT_RUNNING', `${path} names ${file.url}, which is not of this machine`, {
    hint: `if that is your daemon, set AUTOCACHE_URL=${file.url} in the environment`,
  });
}

function fieldsOf(text: string): DaemonFile | null {
  try {
    const { url, pid, version, tokenFile } = JSON.parse(text) as Record<string, unknown>;
    if (typeof url !== 'string' || !URL.canParse(url) || typeof pid !== 'number') return null;
    if (typeof tokenFile !== 'string' || tokenFile.includes('\0')) return null;
    return { url, pid, version: String(version), tokenFile };
  } catch {
    return null;
  }
}

/** True for an http address of this machine. */
function isLoopback(address: string): boolean {
  const { protocol, hostname } = new URL(address);
  return protocol === 'http:' && (hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname));
}
