import { basename } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { currentCategory } from '../comfyui/categories.ts';
import { bounded } from '../runtime/deadline.ts';
import { stemOf } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';
import type { Library } from './library.ts';
import type { Roots } from './registry.ts';

/** Maximum wait for the first walk of roots, ms. */
const listedDeadlineMs = 3000;

export interface StemsDeps {
  roots: Pick<Roots, 'find' | 'nameOf'>;
  library: Pick<Library, 'withStem' | 'isListed'>;
  keeper: { listed(): Promise<void> };
  catalog: { entries: Pick<Catalog['entries'], 'names'> };
}

/**
 * The files of a category with this stem and any extension: in the folder that `stem` names, or else in any. Walks of the roots find
 * them; the first walk is awaited for a short time. Below roots that were not walked since the start, such as those that are away,
 * the catalog knows some.
 * @returns their names in the category, with `/`
 */
export async function withStem(category: string, stem: string, deps: StemsDeps): Promise<string[]> {
  const { roots, library, keeper, catalog } = deps;
  await bounded(keeper.listed(), listedDeadlineMs);
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
