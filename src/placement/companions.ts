import { basename, dirname, join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import type { ErrorCode } from '../core/errors.ts';
import {
  type Copy,
  defaultTier,
  type Entry,
  type Fingerprint,
  type Priority,
  type SourceFile,
  type TierName,
  type WantedFile,
} from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Job } from '../jobs/job.ts';
import type { Clock } from '../runtime/clock.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { hasCompanions, isCompanion, isNamelessProjector } from '../weights/companion-names.ts';
import { fitsProjector, type GgufFacts, ggufHeadBytes, readGgufFacts } from '../weights/gguf-facts.ts';

/** A copy in progress, as seen by a waiting caller. */
export type CopyInProgress = Pick<Job, 'state' | 'ended' | 'view'>;

interface Beside {
  path: string;
  fingerprint: Fingerprint;
}

export interface CompanionsDeps {
  catalog: Catalog;
  tiers: Tiers;
  copier: Pick<Copier, 'request' | 'failures'>;
  /** Files excluded by the settings are not copied as companions either. */
  isLeftOut(file: { path: string; rel: string; category: string | null }, size: number): boolean;
  sources: {
    /** The files in the directory of a source, including itself. Rejects when the source does not answer. */
    filesBeside(path: string): Promise<Beside[]>;
    /** The first bytes of a source. Rejects when it does not give them. */
    head(file: SourceFile, bytes: number): Promise<Uint8Array>;
  };
  clock: Clock;
}

/** How copies fail whose source cannot be read. */
const unreadable: ReadonlySet<ErrorCode> = new Set(['SOURCE_IO', 'SOURCE_MISSING', 'FORBIDDEN']);

/** A file requested this long after the last listing has its directory listed again, ms. */
const listAgainMs = 60_000;

/**
 * Loaders open more than the requested file: the other shards, the mmproj beside a GGUF, the configuration in a model's directory.
 * Such files are copied together as one unit. A copy is not served while companions are missing: beside it a loader would find less
 * than beside the source. The companions are found by listing the source's directory, never while an answer waits; until then
 * (after a restart) the catalog names them.
 */
export class Companions {
  readonly #deps: CompanionsDeps;
  #known = new Map<string, { files: Beside[]; listedAt: number }>();
  readonly #listing = new InFlight<string, Beside[]>();
  /** Sources being copied whose directory has not been listed yet. */
  #unlisted = new Set<string>();

  constructor(deps: CompanionsDeps) {
    this.#deps = deps;
  }

  /** False while a loader would miss a companion beside this source's copy in that tier. */
  isComplete(path: string, tier: TierName): boolean {
    if (!hasCompanions(basename(path))) return true;
    return (
      !this.#unlisted.has(path) && this.#of(path).every((file) => this.#copyOf(file, tier) !== null || this.#isUnreadable(file))
    );
  }

  /** Has a file copied with its companions. Null when no known file needs copying. */
  request(file: WantedFile, priority: Priority): CopyInProgress | null {
    const { path } = file;
    if (!hasCompanions(basename(path))) return this.#requestCopy(file, priority);
    const own = this.#copyOf(file, defaultTier) ? [] : [this.#requestCopy(file, priority)];
    if (own.length > 0 && !this.#known.has(path)) this.#unlisted.add(path);
    const jobs = [...own, ...this.#requestMissing(file, priority, this.#of(path))];
    const later = this.#list(path).then((files) => this.#requestMissing(file, priority, files));
    const [first] = jobs;
    if (!first) return null;
    return {
      get state() {
        return first.state;
      },
      ended: later.then((more) => Promise.all([...jobs, ...more].map((job) => job.ended))).then(() => {}),
      view: () => first.view(),
    };
  }

  /** To be called when a copy was served: leases the companions that its loader will open too, and counts their use. */
  handedOut(path: string, tier: TierName, lease: (copyPath: string, sourcePath: string) => void): void {
    if (!hasCompanions(basename(path))) return;
    for (const file of this.#of(path)) {
      const copy = this.#copyOf(file, tier);
      const entry = this.#deps.catalog.entries.byPath(file.path);
      if (!copy || !entry) continue;
      lease(copy.path, file.path);
      this.#deps.catalog.usage.used(entry);
    }
    void this.#list(path);
  }

  #requestCopy({ medium, ...file }: WantedFile, priority: Priority): Job {
    return this.#deps.copier.request({ file, medium, priority });
  }

  #requestMissing(file: WantedFile, priority: Priority, files: readonly Beside[]): Job[] {
    const { failures } = this.#deps.copier;
    const missing = files.filter((beside) => !this.#copyOf(beside, defaultTier) && !failures.recent(beside.path));
    return missing.map(({ path, fingerprint }) => {
      const rel = file.rel.slice(0, file.rel.length - basename(file.rel).length) + basename(path);
      return this.#requestCopy({ ...file, path, rel, fingerprint }, priority);
    });
  }

  /** No program can read its source: a loader misses it beside the source just as beside the copy. */
  #isUnreadable({ path }: Beside): boolean {
    const code = this.#deps.copier.failures.last(path)?.code;
    return code !== undefined && unreadable.has(code);
  }

  /** Those of the files in its directory that loaders open beside a source and that may be cached. */
  #companionsOf<T extends Beside>(path: string, files: readonly T[]): T[] {
    const entry = this.#deps.catalog.entries.byPath(path);
    const category = entry?.category ?? null;
    const folder = entry ? dirname(entry.rel) : '';
    return companionsOf(path, files).filter(
      (file) =>
        !this.#deps.isLeftOut({ path: file.path, rel: join(folder, basename(file.path)), category }, file.fingerprint.size),
    );
  }

  #of(path: string): Beside[] {
    let known = this.#known.get(path);
    if (!known) {
      const entries = this.#deps.catalog.entries.below(dirname(path));
      known = { files: this.#companionsOf(path, entries), listedAt: Number.NEGATIVE_INFINITY };
      this.#known.set(path, known);
    }
    return known.files;
  }

  /** Lists a directory again if its last listing is old; never rejects. If the source does not answer, the known list stays. */
  #list(path: string): Promise<Beside[]> {
    const { sources, clock } = this.#deps;
    const known = this.#known.get(path);
    if (known && clock.monotonic() - known.listedAt < listAgainMs) return Promise.resolve(known.files);
    return this.#listing.run(path, async () => {
      try {
        const all = await sources.filesBeside(path);
        const files = await this.#fitting(path, all, this.#companionsOf(path, all));
        this.#known.set(path, { files, listedAt: clock.monotonic() });
        return files;
      } catch {
        return this.#of(path);
      } finally {
        this.#unlisted.delete(path);
      }
    });
  }

  /** Without the projectors that are made for another model: their names do not tell it. */
  async #fitting(path: string, all: readonly Beside[], companions: Beside[]): Promise<Beside[]> {
    const own = all.find((file) => file.path === path);
    const isAsked = (file: Beside) => isNamelessProjector(basename(file.path), basename(path));
    if (!own || !companions.some(isAsked)) return companions;
    const model = await this.#factsOf(own);
    const fits = await Promise.all(
      companions.map(async (file) => {
        const projector = isAsked(file) ? await this.#factsOf(file) : null;
        return !model || !projector || fitsProjector(model, projector);
      }),
    );
    return companions.filter((_, index) => fits[index]);
  }

  /** Null when they cannot be read. */
  async #factsOf({ path, fingerprint }: Beside): Promise<GgufFacts | null> {
    const file = { path, root: dirname(path), rel: basename(path), category: null, fingerprint };
    return this.#deps.sources.head(file, ggufHeadBytes).then(readGgufFacts, () => null);
  }

  /** A copy with the file's present fingerprint. */
  #copyOf({ path, fingerprint }: Beside, tier: TierName): Copy | null {
    const { catalog, tiers } = this.#deps;
    const ready = catalog.find(path)?.ready ?? [];
    return tiers.soundCopy(
      ready.filter((copy) => copy.tier === tier),
      fingerprint,
    );
  }
}

/** These entries and their known companions: a unit is only served whole, so it must be kept whole. */
export function withCompanions(entries: readonly Entry[], catalog: Catalog): Entry[] {
  return entries.flatMap((entry) =>
    hasCompanions(basename(entry.path))
      ? [entry, ...companionsOf(entry.path, catalog.entries.below(dirname(entry.path)))]
      : [entry],
  );
}

function companionsOf<T extends Beside>(path: string, files: readonly T[]): T[] {
  const directory = dirname(path);
  return files.filter((file) => dirname(file.path) === directory && isCompanion(basename(path), basename(file.path)));
}
