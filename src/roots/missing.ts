import { readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { liesOnNetwork } from '../media/medium.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { nearestWithin } from '../runtime/nearest.ts';

/** Maximum share of different letters in a suggested name. */
const mostDifferent = 0.4;

/**
 * The message for a missing directory, with the existing one beside it that was most likely meant. Network paths are not read.
 */
export async function missingText(path: string): Promise<string> {
  const meant = (await liesOnNetwork(path)) ? null : await meantBy(path);
  return `there is no such directory${meant === null ? '' : `; did you mean ${meant}?`}`;
}

/** An existing directory named nearly like the first missing one of the path, with the rest of the path if that exists too. */
async function meantBy(path: string): Promise<string | null> {
  const parent = dirname(path);
  if (parent === path) return null;
  const names = await directoriesIn(parent);
  if (names === null) {
    const above = await meantBy(parent);
    const whole = above === null ? null : join(above, basename(path));
    return whole !== null && (await directoriesIn(whole)) !== null ? whole : above;
  }
  const meant = nearestWithin(basename(path), names, mostDifferent);
  return meant === null ? null : join(parent, meant);
}

/** Null when the directory does not exist. */
async function directoriesIn(path: string): Promise<string[] | null> {
  try {
    const found = await readdir(path, { withFileTypes: true });
    return found.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  } catch (error) {
    return errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ENOTDIR' ? null : [];
  }
}
