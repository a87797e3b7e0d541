import { lstat, readdir, readFile, rm, rmdir, symlink, writeFile } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { z } from 'zod';
import { CacheError } from '../core/errors.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { readSmallFile } from '../runtime/small-file.ts';

/**
 * In a folder that other programs may write to as well, this file names those of autocached: written first, removed last.
 * Nothing else is ever removed or replaced.
 */
const markerName = 'autocached_files.json';

const markerSchema = z.object({
  version: z.string(),
  linked: z.boolean(),
  // Below the folder: an edited marker cannot lead a removal out of it.
  files: z.array(z.string().regex(/^(?!.*\.\.)[\w.-]+(\/[\w.-]+)*$/)),
});
export type Marker = z.infer<typeof markerSchema>;

const mostBytes = 1024 * 1024;

/** Null when the folder is absent or empty. @throws CacheError CONFLICT when it is not ours. */
export async function readMarker(folder: string): Promise<Marker | null> {
  const found = await lstat(folder).catch(() => null);
  if (!found) return null;
  const notOurs = (cause?: unknown) =>
    new CacheError('CONFLICT', `${folder} was not made by autocached`, { hint: 'move it away, then try again', cause });
  if (!found.isDirectory()) throw notOurs();
  try {
    return markerSchema.parse(JSON.parse((await readSmallFile(join(folder, markerName), mostBytes)).toString('utf8')));
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' && (await readdir(folder)).length === 0) return null;
    throw notOurs(error);
  }
}

export async function writeMarker(folder: string, marker: Marker): Promise<void> {
  await writeFile(join(folder, markerName), `${JSON.stringify(marker, null, 2)}\n`);
}

/** Removes the folder too, when nothing else is in it. */
export async function removeMarker(folder: string): Promise<void> {
  await rm(join(folder, markerName));
  await removeIfEmpty(folder);
}

/** @throws CacheError CONFLICT when `file`, which is not in the marker, exists. */
export async function refuseForeign(file: string): Promise<void> {
  if (!(await lstat(file).catch(() => null))) return;
  throw new CacheError('CONFLICT', `${file} was not made by autocached`, { hint: 'move it away, then try again' });
}

/** Copies or links `source` to `target`. */
export async function place(source: string, target: string, linked: boolean): Promise<void> {
  // Loaded on demand: it would slow the start of a daemon.
  const { ensureDir, outputFile } = await import('fs-extra/esm');
  if (!linked) return outputFile(target, await readFile(source));
  await ensureDir(dirname(target));
  await symlink(source, target, 'file');
}

/** Removes those of `files` that exist, their compiled Python files, and folders that are empty then. */
export async function removeFiles(folder: string, files: string[]): Promise<string[]> {
  const present = await listFiles(folder, true);
  const removed = present.filter((file) => files.includes(file) || files.includes(sourceOf(file)));
  for (const file of removed) await rm(join(folder, file));
  const folders = new Set(removed.flatMap((file) => parents(file)));
  for (const below of [...folders].sort((a, b) => b.length - a.length)) await removeIfEmpty(join(folder, below));
  return removed;
}

/** `web/__pycache__/a.cpython-312.opt-1.pyc` comes from `web/a.py`; other names from nothing. */
function sourceOf(file: string): string {
  return file.replace(/__pycache__\/([^/.]+)\.[^/]+\.pyc$/, '$1.py');
}

function parents(file: string): string[] {
  const parts = file.split('/').slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join('/'));
}

async function removeIfEmpty(folder: string): Promise<void> {
  if ((await readdir(folder)).length === 0) await rmdir(folder);
}

/** Files below `folder`, with `/`, sorted; without compiled Python files, unless `compiled`. Empty when there is no folder. */
export async function listFiles(folder: string, compiled = false): Promise<string[]> {
  const found = await readdir(folder, { recursive: true, withFileTypes: true }).catch((error) => {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  });
  const files = found.filter((item) => !item.isDirectory()).map((item) => relative(folder, join(item.parentPath, item.name)));
  const names = files.map((file) => file.split(sep).join('/'));
  return names.filter((name) => compiled || !name.includes('__pycache__/')).sort();
}
