import { basename, sep } from 'node:path';
import { categoryFolders } from '../comfyui/categories.ts';
import { CacheError } from '../core/errors.ts';
import { matcher } from '../core/file-globs.ts';
import { foldCase } from '../core/fold-case.ts';
import { nearestWithin } from '../runtime/nearest.ts';
import { filterInTurns } from '../runtime/pauses.ts';
import type { KnownFile, Services } from './services.ts';

type Deps = Pick<Services, 'catalog' | 'roots'>;

/** Maximum share of differing letters in a suggested name. */
const mostDifferent = 0.4;

/** All known model files: those in the catalog, and those on the sources. */
export function knownFiles({ catalog, roots }: Deps): KnownFile[] {
  const entries = catalog.entries.list({}).map(({ path, root, rel, category, fingerprint }) => {
    return [path, { path, root, rel, category, size: fingerprint.size }] as const;
  });
  const files = new Map<string, KnownFile>(entries);
  for (const file of roots.files()) if (!files.has(file.path)) files.set(file.path, file);
  return [...files.values()];
}

/** The name for people: `loras/SDXL/a.safetensors`. Lookups find it, too. */
function nameOf({ category, rel }: Pick<KnownFile, 'category' | 'rel'>): string {
  const name = rel.replaceAll(sep, '/');
  if (category === null) return name;
  const folder = categoryFolders(category).find((one) => name.startsWith(`${one}/`));
  return `${category}/${folder === undefined ? name : name.slice(folder.length + 1)}`;
}

/** Whether every word of a search is in the file's name or path, in any case. */
export function searching(search: string): (file: Pick<KnownFile, 'path' | 'rel' | 'category'>) => boolean {
  const words = [...new Set(foldCase(search).split(/\s+/).filter(Boolean))];
  return (file) => {
    const text = foldCase(`${nameOf(file)}\n${file.path}`);
    return words.every((word) => text.includes(word));
  };
}

/** The paths of the files that match globs; a glob may name the category. @throws CacheError NOT_FOUND for one without a match */
export async function matching(globs: readonly string[], deps: Deps): Promise<string[]> {
  const matchers = globs.map((glob) => matcher([glob]));
  const files = globs.length === 0 ? [] : knownFiles(deps);
  const paths = new Set<string>();
  for (const [index, matches] of matchers.entries()) {
    const found = await filterInTurns(files, (file) => matches(file) || matches({ path: file.path, rel: nameOf(file) }));
    const glob = globs[index] ?? '';
    if (found.length === 0) throw notKnown(glob, deps, `nothing matches ${glob}`);
    for (const { path } of found) paths.add(path);
  }
  return [...paths];
}

/** @param what as it was named: a path, or `category/name` */
export function notKnown(what: string, deps: Deps, message = `${what} is not known`): CacheError {
  const meant = suggestion(what, knownFiles(deps));
  return new CacheError('NOT_FOUND', message, {
    hint: meant ? `did you mean ${meant}?` : '`autocached list` shows all entries.',
  });
}

/** The known file that was most likely meant: one of that base name, or one of nearly the same spelling. */
export function suggestion(what: string, files: readonly KnownFile[]): string | null {
  // All model files have the same few endings.
  const wanted = stemOf(what);
  const names = files.map((file) => ({ name: nameOf(file), base: stemOf(file.rel) }));
  const meant = nearestWithin(
    wanted,
    names.map(({ base }) => base),
    mostDifferent,
  );
  return names.find(({ base }) => base === meant)?.name ?? null;
}

function stemOf(name: string): string {
  return basename(name)
    .toLowerCase()
    .replace(/\.[^.]+$/, '');
}
