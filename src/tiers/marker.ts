import { randomUUID } from 'node:crypto';
import { accessSync, chmodSync, constants, existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { CacheError } from '../core/errors.ts';
import type { TierState } from '../core/types.ts';
import { meaningOf } from '../runtime/errnos.ts';
import { makeDirectory } from '../runtime/make-directory.ts';
import { closeDirectory } from '../runtime/private-file.ts';
import { readSmallFileSync } from '../runtime/small-file.ts';
import { isLitter } from '../weights/extensions.ts';

/** The file that marks and identifies a cache directory. */
const markerName = '.autocached';
const notice = 'autocached owns this directory. It touches only files that it put here itself.';

/**
 * Claims a directory for autocached, and creates it if it does not exist.
 * @param key the setting that names it, for messages
 * @returns the id of its marker; null when it has none and none can be written
 * @throws CacheError BAD_CONFIG when it holds files but not the marker (law 2: nothing foreign is ever deleted).
 */
export function claim(dir: string, key: string): string | null {
  makeDirectory(dir, key, 0o700);
  closeDirectory(dir, 'writers', key);
  const marker = readMarker(dir);
  if (marker) return marker.id ?? renewMarker(dir);
  const unreadable = join(dir, markerName);
  if (existsSync(unreadable)) {
    throw new CacheError('BAD_CONFIG', `${key}: ${unreadable}, which marks it as autocached's, cannot be read`, {
      hint: 'Make it a file that you can read.',
    });
  }
  // A new volume is not empty: systems create their own files on it.
  if (readdirSync(dir).some((name) => !isLitter(name))) {
    throw new CacheError('BAD_CONFIG', `the cache directory ${dir} holds files that are not autocached's`, {
      hint: `Name an empty or new directory in ${key}.`,
    });
  }
  const id = writeMarker(join(dir, markerName));
  if (process.platform !== 'win32') chmodSync(dir, 0o700);
  return id;
}

/** True when `dir` has the marker: files below it that the catalog owns may be deleted. */
export function isClaimed(dir: string): boolean {
  return readMarker(dir) !== null;
}

/** The nearest directory with a marker that is `dir` or contains it; null = none. For local paths only. */
export function cacheAround(dir: string): string | null {
  if (isClaimed(dir)) return dir;
  const above = dirname(dir);
  return above === dir ? null : cacheAround(above);
}

/** The marker of `dir`, with its id or null; null without a marker. */
function readMarker(dir: string): { id: string | null } | null {
  try {
    const text = readSmallFileSync(join(dir, markerName), 4096).toString('utf8');
    return { id: /^id: (\S+)$/m.exec(text)?.[1] ?? null };
  } catch {
    return null;
  }
}

/**
 * The present state of the cache directory with this id; an empty mount point or another cache in its place is `away`.
 * @param partialDir directory of unfinished files
 */
export function stateOf(dir: string, id: string | null, partialDir: string): TierState {
  const marker = readMarker(dir);
  if (!marker || marker.id !== id) return 'away';
  return (isWritable(partialDir) ?? isWritable(dir) ?? true) ? 'here' : 'read-only';
}

/** False on a read-only disk, or without permission to write; null when it does not exist. */
function isWritable(dir: string): boolean | null {
  try {
    // A path that is no folder counts as absent, and is set aside.
    accessSync(`${dir}${sep}.`, constants.W_OK | constants.X_OK);
    return true;
  } catch (error) {
    const meaning = meaningOf(error);
    if (meaning === 'missing') return null;
    return meaning !== 'read-only' && meaning !== 'denied';
  }
}

/** Adds an id to a marker of an older version. */
function renewMarker(dir: string): string | null {
  const next = join(dir, `${markerName}.${randomUUID()}.new`);
  try {
    const id = writeMarker(next);
    renameSync(next, join(dir, markerName));
    return id;
  } catch (error) {
    if (meaningOf(error) === null) throw error;
    return null;
  }
}

function writeMarker(path: string): string {
  const id = randomUUID();
  writeFileSync(path, `${notice}\nid: ${id}\n`, { flag: 'wx' });
  return id;
}
