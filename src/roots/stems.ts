import { basename } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { currentCategory } from '../comfyui/categories.ts';
import { stemOf } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';
import type { Library } from './library.ts';
import type { Roots } from './registry.ts';

export interface StemsDeps {
  roots: Pick<Roots, 'find' | 'nameOf'>;
  library: Pick<Library, 'withStem' | 'isListed'>;
  catalog: { entries: Pick<Catalog['entries'], 'names'> };
}

/**
 * The files of a category that are called `stem`, whatever their extension: in the folder that `stem` names, or else in any. From
 * the last walks; below roots that were not walked since the start, such as those that are away, from the catalog.
 * @returns their names in the category, with `/`
 */
export function withStem(category: string, stem: string, { roots, library, catalog }: StemsDeps): string[] {
  const wanted = currentCategory(category);
  const base = stem.slice(stem.lastIndexOf('/') + 1);
  const isUnlisted = (path: string) => {
    const root = roots.find(path)?.root.path;
    return root !== undefined && !library.isListed(root);
  };
  const known = catalog.entries.names({ category: wanted }).map(({ path }) => path);
  const unlisted = known.filter((path) => stemOf(basename(path)) === base && isModelName(path) && isUnlisted(path));
  const found = [...library.withStem(base), ...unlisted].flatMap((path) => roots.nameOf(path) ?? []);
  const names = [...new Set(found.filter((file) => file.category === wanted).map(({ name }) => name))];
  const exact = names.filter((name) => stemOf(name) === stem);
  return exact.length > 0 ? exact : names;
}
