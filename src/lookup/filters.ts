import { matcher } from '../core/file-globs.ts';
import { isUnfinished } from '../weights/extensions.ts';

/** Which sources are cached at all, as configured. */
export interface FilterOptions {
  minSize: { overall: number; by: Partial<Record<string, number>> };
  maxSize: { overall: number | null; by: Partial<Record<string, number | null>> };
  include: readonly string[];
  exclude: readonly string[];
  categories: readonly string[];
}

export interface FilteredFile {
  path: string;
  rel: string;
  category: string | null;
}

export interface Filters {
  excluded(file: FilteredFile): boolean;
  tooSmall(category: string | null, size: number): boolean;
  /** @param limit the tier's, bytes */
  tooLarge(category: string | null, size: number, limit: number): boolean;
}

/**
 * Compiles the globs once; a glob may match the absolute path, the path below the root, or the base name. An unfinished download is
 * always excluded.
 */
export function createFilters(options: FilterOptions): Filters {
  const included = options.include.length > 0 ? matcher(options.include) : () => true;
  const excluded = options.exclude.length > 0 ? matcher(options.exclude) : () => false;
  const categories = new Set(options.categories);
  // Without its embeddings a prompt gives another picture and no error: they are copied whatever their size, unless the user says
  // so.
  const minSize = { ...options.minSize, by: { embeddings: 0, ...options.minSize.by } };
  return {
    excluded: (file) =>
      isUnfinished(file.rel) ||
      excluded(file) ||
      !included(file) ||
      (categories.size > 0 && (file.category === null || !categories.has(file.category))),
    tooSmall: (category, size) => size < boundOf(minSize, category),
    tooLarge: (category, size, limit) => size > Math.min(boundOf(options.maxSize, category) ?? limit, limit),
  };
}

/** Filters that recompile when their options are replaced. */
export function currentFilters(
  current: () => FilterOptions,
  adjust: (options: FilterOptions) => FilterOptions = (options) => options,
): Filters {
  let options = current();
  let filters = createFilters(adjust(options));
  const inForce = () => {
    if (options !== current()) {
      options = current();
      filters = createFilters(adjust(options));
    }
    return filters;
  };
  return {
    excluded: (file) => inForce().excluded(file),
    tooSmall: (category, size) => inForce().tooSmall(category, size),
    tooLarge: (category, size, limit) => inForce().tooLarge(category, size, limit),
  };
}

/**
 * The category's own bound, which may be none (null); else the general one. Categories come from requests, so they may be any word.
 */
function boundOf<V>({ overall, by }: { overall: V; by: Partial<Record<string, V>> }, category: string | null): V {
  const own = category !== null && Object.hasOwn(by, category) ? by[category] : undefined;
  return own === undefined ? overall : own;
}
