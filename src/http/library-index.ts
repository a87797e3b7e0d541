import type { LibraryRow } from '../catalog/library-rows.ts';
import { defaultTier, type Medium } from '../core/types.ts';
import { Pauses } from '../runtime/pauses.ts';
import type { Services } from './services.ts';

/** A file of the library with the facts that rarely change. */
export interface IndexedFile extends Omit<LibraryRow, 'id'> {
  id: number | null;
  /** True when the settings or its disk exclude it from copying. */
  leftAlone: boolean;
  /** True when it was found at the last walk of its folder. */
  seen: boolean;
}

export type LibraryServices = Pick<Services, 'catalog' | 'roots' | 'filters' | 'bound' | 'tiers' | 'clock' | 'copier'>;

/** Age at which the index is renewed for changes of sources and settings, ms; older if making it takes long. */
const freshMs = 5000;
const freshTimes = 20;

/**
 * All model files, those in the catalog and those found on the sources, put together once for the many requests of a person who scrolls.
 * It is made in steps, with pauses for lookups, and given up when memory is short.
 */
export class LibraryIndex {
  readonly #services: LibraryServices;
  #made: WeakRef<readonly IndexedFile[]> | null = null;
  #making: Promise<readonly IndexedFile[]> | null = null;
  #version = -1;
  #until = 0;

  constructor(services: LibraryServices) {
    this.#services = services;
  }

  /** The files in the order of their paths. The same array until something has changed. */
  async files(): Promise<readonly IndexedFile[]> {
    const { catalog, clock } = this.#services;
    catalog.usage.flush();
    const isFresh = this.#version === catalog.version && clock.monotonic() < this.#until;
    const made = isFresh ? this.#made?.deref() : undefined;
    if (made) return made;
    this.#making ??= this.#make().finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  async #make(): Promise<readonly IndexedFile[]> {
    const { catalog, roots, clock } = this.#services;
    const [version, begun] = [catalog.version, clock.monotonic()];
    const pauses = new Pauses();
    const files = new Map<string, IndexedFile>();
    for (const row of catalog.entries.library()) {
      const medium = roots.locate(row.path)?.medium ?? null;
      files.set(row.path, { ...row, leftAlone: this.#isLeftAlone(row, medium), seen: false });
      if (pauses.isDue) await pauses.take();
    }
    for (const { medium, ...file } of roots.files()) {
      const known = files.get(file.path);
      if (known) known.seen = true;
      else files.set(file.path, { ...unasked, ...file, leftAlone: this.#isLeftAlone(file, medium) });
      if (pauses.isDue) await pauses.take();
    }
    const all = [...files.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
    this.#made = new WeakRef(all);
    this.#version = version;
    const ended = clock.monotonic();
    this.#until = ended + Math.max(freshMs, freshTimes * (ended - begun));
    return all;
  }

  #isLeftAlone(file: Pick<IndexedFile, 'path' | 'rel' | 'category' | 'size'>, medium: Medium | null): boolean {
    const { filters, bound, tiers } = this.#services;
    const { path, rel, category, size } = file;
    return (
      medium === 'ssd' ||
      filters.excluded({ path, rel, category }) ||
      filters.tooSmall(category, size) ||
      filters.tooLarge(category, size, bound(tiers.require(defaultTier)).limit)
    );
  }
}

/** Catalog facts of a file that no program has asked for. */
const unasked = {
  id: null,
  uses: 0,
  lastUse: 0,
  lastUsedAt: null,
  pinned: false,
  tiers: [],
  stale: false,
  cachedBytes: 0,
  seen: true,
} satisfies Partial<IndexedFile>;
