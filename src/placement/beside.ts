import { basename, dirname, join, sep } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import type { Entry, Fingerprint } from '../core/types.ts';
import { hasCompanions, hasPartFolders, isCompanion, isSidecar, stemOf } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';

export interface Beside {
  path: string;
  fingerprint: Fingerprint;
}

/** Maximum size of a note about a model, bytes. */
const largestSidecar = 64 * 2 ** 20;

/** These entries and their known companions: a unit is only served whole, so it must be kept whole. */
export function withCompanions(entries: readonly Entry[], catalog: Catalog): Entry[] {
  return entries.flatMap((entry) => [entry, ...knownBeside(entry.path, catalog)]);
}

export function knownBeside(path: string, catalog: Catalog): Entry[] {
  if (!isModelName(path)) return [];
  const [directory, name] = [dirname(path), basename(path)];
  const prefix = hasCompanions(name) ? join(directory, sep) : join(directory, `${stemOf(name)}.`);
  return companionsOf(path, catalog.entries.startingWith(prefix));
}

export function companionsOf<T extends Beside>(path: string, files: readonly T[]): T[] {
  const name = basename(path);
  const prefix = join(dirname(path), sep);
  const below = files.filter((file) => file.path.startsWith(prefix));
  const hasParts = hasPartFolders(
    name,
    below.map((file) => nameBeside(path, file.path)),
  );
  return below.filter((file) => {
    const other = nameBeside(path, file.path);
    if (other.includes('/')) return hasParts && isCompanion(name, other);
    return isCompanion(name, other) || (isSidecar(name, other) && file.fingerprint.size <= largestSidecar);
  });
}

/** The relative path of a file in or below the directory of another one, with forward slashes. */
export function nameBeside(path: string, other: string): string {
  return other.slice(join(dirname(path), sep).length).replaceAll(sep, '/');
}

/** The path below its root of a file in the same directory, or below it. */
export function relBeside({ path, rel }: { path: string; rel: string }, other: string): string {
  return join(dirname(rel), nameBeside(path, other));
}
