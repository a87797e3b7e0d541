import { readdir, rm, rmdir } from 'node:fs/promises';
import { join } from 'node:path';
import { foldersFile, placesIn } from '../remotes/place.ts';
import { removeOthers } from '../remotes/placeholders.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { reportIn, variantFiles, variantListIn } from '../variants/own-files.ts';

/**
 * Names that a stopped daemon leaves in its directories; everything else in them may be the user's and stays.
 * The names are those of `compose/storage.ts`, `tiers/`, `http/listen.ts`, `farm/` and `runtime/`.
 */
const ofState =
  /^(catalog\.db(-wal|-shm)?|daemon\.json|directories\.json|reserve|token|farm\.key|daemon\.log(\.\d+)?|\.?autocached\.lock|service-task\.xml)$/;
const ofCache = ['partial', 'cold/partial', 'cold/restore.py', 'cold/.autocached', 'autocached.lock', '.autocached.lock'];
/** Removed last, since it states that the files beside it may be deleted. */
const marker = '.autocached';

/** @returns absolute paths of the remaining files */
export async function removeState(dir: string): Promise<string[]> {
  for (const name of await namesIn(dir)) if (ofState.test(name)) await rm(join(dir, name), { force: true, recursive: true });
  await removeOthers(placesIn(dir), []);
  await rm(join(placesIn(dir), foldersFile), { force: true });
  await rm(variantListIn(dir), { force: true });
  return removeEmpty(dir);
}

/** Removes the rest of a cache directory whose copies are deleted. @returns as `removeState` */
export async function removeCacheRest(dir: string): Promise<string[]> {
  if (!(await namesIn(dir)).includes(marker)) return [];
  // Results have a directory with a marker of its own; one without it is somebody else's.
  const results = (await namesIn(join(dir, 'memo'))).includes(marker) ? ['memo'] : [];
  for (const name of [...ofCache, ...results]) await rm(join(dir, name), { recursive: true, force: true });
  for (const path of await variantFiles(join(dir, 'variants'))) if (isVariant(path)) await rm(path, { force: true });
  const left = (await removeEmpty(dir)).filter((path) => path !== join(dir, marker));
  if (left.length > 0) return left;
  await rm(join(dir, marker));
  return removeEmpty(dir);
}

/** Whether a file is a variant: a file of the user's that only has such a name contains no report. */
function isVariant(path: string): boolean {
  try {
    return reportIn(path) !== null;
  } catch {
    return false;
  }
}

/** Removes folders without a file, `dir` too. @returns absolute paths of the files in the others */
async function removeEmpty(dir: string): Promise<string[]> {
  const found = await readdir(dir, { withFileTypes: true }).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return null;
    throw error;
  });
  if (found === null) return [];
  const files: string[] = [];
  for (const item of found) {
    const path = join(dir, item.name);
    for (const file of item.isDirectory() ? await removeEmpty(path) : [path]) files.push(file);
  }
  if (files.length === 0) await rmdir(dir);
  return files;
}

async function namesIn(dir: string): Promise<string[]> {
  return readdir(dir).catch(() => []);
}
