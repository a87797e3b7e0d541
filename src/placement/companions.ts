import { basename, dirname, join } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import { isWrittenTo } from '../catalog/written.ts';
import type { ErrorCode } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import {
  type Copy,
  defaultTier,
  type Entry,
  type Fingerprint,
  type Priority,
  type SourceFile,
  type SourceState,
  type TierName,
  type WantedFile,
} from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Job } from '../jobs/job.ts';
import type { Clock } from '../runtime/clock.ts';
import { bounded } from '../runtime/deadline.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { Evictor } from '../space/evict.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { isCompanion, isNamelessProjector } from '../weights/companion-names.ts';
import { isModelName } from '../weights/extensions.ts';
import { fitsProjector, type GgufFacts, ggufHeadBytes, readGgufFacts } from '../weights/gguf-facts.ts';
import { type Beside, companionsOf, knownBeside, nameBeside, relBeside } from './beside.ts';

/** A copy in progress, as seen by a waiting caller. */
export type CopyInProgress = Pick<Job, 'state' | 'ended' | 'awaited' | 'view'>;

/** The known files beside a source. The directory is not listed again before `listAgainAt`, monotonic ms. */
interface Known {
  files: Beside[];
  listAgainAt: number;
  listAgainMs: number;
}

export interface CompanionsDeps {
  catalog: Catalog;
  tiers: Tiers;
  copier: Pick<Copier, 'request' | 'failures'>;
  evictor: Pick<Evictor, 'evict'>;
  /** Files excluded by the settings are not copied as companions either. */
  isLeftOut(file: { path: string; rel: string; category: string | null }, size: number): boolean;
  sources: {
    /** A source and the files that its loaders may open in its directory. Rejects when the source does not answer. */
    filesBeside(path: string): Promise<Beside[]>;
    stat(source: Entry & Pick<WantedFile, 'medium'>, patience: 'command'): Promise<SourceState>;
    /** The first bytes of a source. Rejects when it does not give them. */
    head(file: SourceFile, bytes: number): Promise<Uint8Array>;
  };
  clock: Clock;
}

/** Error codes of copies whose source cannot be read. */
const unreadable: ReadonlySet<ErrorCode> = new Set(['SOURCE_IO', 'SOURCE_MISSING', 'FORBIDDEN']);

/**
 * Minimum interval between two listings of a requested file's directory, ms. It doubles after each listing that shows nothing new, up to
 * the second figure, because programs that ask without end would keep a disk busy with listings.
 */
const listAgainMs = 5000;
const mostListAgainMs = 30_000;

/**
 * Loaders open more than the requested file: the other shards, the mmproj beside a GGUF, the configuration in a model's directory,
 * the notes and pictures with a model's stem (law 15). Such files are copied together as one unit. A copy is not served while
 * companions are missing: beside it a loader would find less than beside the source. They are found by listing the source's
 * directory, never while an answer waits; until then (after a restart) the catalog names them.
 */
export class Companions {
  readonly #deps: CompanionsDeps;
  #known = new Map<string, Known>();
  readonly #listing = new InFlight<string, Beside[]>();
  /** Sources being copied, each with its job, whose directory has not been listed yet. */
  #unlisted = new Map<string, Job>();

  constructor(deps: CompanionsDeps) {
    this.#deps = deps;
  }

  /** False while a loader would miss a companion beside this source's copy in that tier. */
  isComplete(path: string, tier: TierName): boolean {
    if (!isModelName(path)) return true;
    return !this.#unlisted.has(path) && this.#of(path).every((file) => this.#isThere(path, file, tier));
  }

  /** Has a file copied with its companions. Null when no known file needs copying. */
  request(file: WantedFile, priority: Priority): CopyInProgress | null {
    const { path } = file;
    if (!isModelName(path)) return this.#requestCopy(file, priority);
    const isCopied = this.#soundCopy(path, file.fingerprint, defaultTier) !== null;
    const own = isCopied ? this.#unlisted.get(path) : this.#requestCopy(file, priority);
    if (own && !this.#known.has(path)) this.#unlisted.set(path, own);
    const jobs = [...(own ? [own] : []), ...this.#requestMissing(file, priority, this.#of(path))];
    const later = this.#list(path).then((files) => this.#requestMissing(file, priority, files));
    const [first] = jobs;
    if (!first) return null;
    const all = later.then((more) => [...jobs, ...more]);
    const each = async (wait: (job: Job) => Promise<void>) => void (await Promise.all((await all).map(wait)));
    return {
      get state() {
        return first.state;
      },
      ended: each((job) => job.ended),
      awaited: (ms) =>
        bounded(
          each((job) => job.awaited(ms)),
          ms,
        ),
      view: () => first.view(),
    };
  }

  /** To be called when a copy was served: passes the copies that its loader may also open to `given`, and counts their use. */
  handedOut(path: string, tier: TierName, given: GivenBeside): void {
    if (!isModelName(path)) return;
    for (const file of this.#of(path)) {
      const copy = this.#copyOf(file, tier);
      const entry = this.#deps.catalog.entries.byPath(file.path);
      if (!copy || !entry) continue;
      given({ path: copy.path, source: file.path, needed: isCompanion(basename(path), nameBeside(path, file.path)) });
      this.#deps.catalog.usage.used(entry);
    }
    void this.#list(path);
  }

  #requestCopy({ medium, ...file }: WantedFile, priority: Priority): Job {
    return this.#deps.copier.request({ file, medium, priority });
  }

  #requestMissing(file: WantedFile, priority: Priority, files: readonly Beside[]): Job[] {
    const { failures } = this.#deps.copier;
    const missing = files.filter((beside) => !this.#isThere(file.path, beside, defaultTier) && !failures.recent(beside.path));
    return missing.map((beside) => {
      const { path } = beside;
      return this.#requestCopy({ ...file, path, rel: relBeside(file, path), fingerprint: this.#now(beside) }, priority);
    });
  }

  /** Whether no program can read its source, so that a loader misses it beside the source as well. */
  #isUnreadable({ path }: Beside): boolean {
    const code = this.#deps.copier.failures.last(path)?.code;
    return code !== undefined && unreadable.has(code);
  }

  /** The files in its directory that loaders open beside a source and that may be cached. */
  #companionsOf<T extends Beside>(path: string, files: readonly T[]): T[] {
    const entry = this.#deps.catalog.entries.byPath(path);
    const category = entry?.category ?? null;
    const folder = entry ? dirname(entry.rel) : '';
    return companionsOf(path, files).filter(
      (file) =>
        !isCompanion(basename(path), nameBeside(path, file.path)) ||
        !this.#deps.isLeftOut(
          { path: file.path, rel: join(folder, nameBeside(path, file.path)), category },
          file.fingerprint.size,
        ),
    );
  }

  #of(path: string): Beside[] {
    let known = this.#known.get(path);
    if (!known) {
      const files = this.#companionsOf(path, knownBeside(path, this.#deps.catalog));
      known = { files, listAgainAt: Number.NEGATIVE_INFINITY, listAgainMs };
      this.#known.set(path, known);
    }
    return known.files;
  }

  /** Lists a directory again if its last listing is old; never rejects. If the source does not answer, the known list stays. */
  #list(path: string): Promise<Beside[]> {
    const { sources, clock } = this.#deps;
    const known = this.#known.get(path);
    if (known && clock.monotonic() < known.listAgainAt) return Promise.resolve(known.files);
    return this.#listing.run(path, async () => {
      try {
        const all = await sources.filesBeside(path);
        const files = await this.#fitting(path, all, this.#companionsOf(path, all));
        const againMs = known && areSame(known.files, files) ? Math.min(2 * known.listAgainMs, mostListAgainMs) : listAgainMs;
        this.#known.set(path, { files, listAgainAt: clock.monotonic() + againMs, listAgainMs: againMs });
        this.#noteChanges(files);
        await this.#dropGone(path, all);
        return files;
      } catch {
        return this.#of(path);
      } finally {
        this.#unlisted.delete(path);
      }
    });
  }

  #noteChanges(files: readonly Beside[]): void {
    const { entries } = this.#deps.catalog;
    for (const { path, fingerprint } of files) {
      const entry = entries.byPath(path);
      if (entry && !isSameFingerprint(entry.fingerprint, fingerprint)) entries.put({ ...entry, fingerprint });
    }
  }

  /** A note that the user removed beside the source does not stay beside the copy. */
  async #dropGone(path: string, listed: readonly Beside[]): Promise<void> {
    const { catalog, evictor, sources } = this.#deps;
    for (const entry of knownBeside(path, catalog)) {
      if (listed.some((file) => file.path === entry.path) || isModelName(entry.path)) continue;
      const copies = catalog.copies.readyOf(entry.id);
      if (copies.length === 0 || (await sources.stat({ ...entry, medium: 'hdd' }, 'command')).state !== 'missing') continue;
      for (const copy of copies) {
        await evictor.evict(copy, entry, 'stale');
        // Nor does a link to it.
        this.#deps.tiers.get(copy.tier)?.dropLink(copy.path, entry.path);
      }
    }
  }

  /** Whether a copy of it, or a program's own file in its place, exists; or no copy of it can be made. */
  #isThere(path: string, file: Beside, tierName: TierName): boolean {
    const { catalog, tiers, copier } = this.#deps;
    if (this.#copyOf(file, tierName) || this.#isUnreadable(file)) return true;
    const isNote = !isCompanion(basename(path), nameBeside(path, file.path));
    if (isNote && copier.failures.recent(file.path, tierName)) return true;
    const entry = catalog.find(path)?.entry;
    const tier = tiers.get(tierName);
    if (!entry || !tier || isModelName(file.path)) return false;
    const written = catalog
      .find(file.path)
      ?.ready.some((copy) => copy.tier === tierName && isWrittenTo(copy, tiers.check(copy)));
    return written || tier.hasForeign(tier.placeOf(entry.root, relBeside(entry, file.path)).path);
  }

  /** The companions without projectors made for another model, which their names do not show. */
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

  /** A copy of the file as it is now. */
  #copyOf(file: Beside, tier: TierName): Copy | null {
    return this.#soundCopy(file.path, this.#now(file), tier);
  }

  #soundCopy(path: string, fingerprint: Fingerprint, tier: TierName): Copy | null {
    const { catalog, tiers } = this.#deps;
    const ready = catalog.find(path)?.ready ?? [];
    return tiers.soundCopy(
      ready.filter((copy) => copy.tier === tier),
      fingerprint,
    );
  }

  /** The present fingerprint from the catalog, which follows listings and watches. */
  #now({ path, fingerprint }: Beside): Fingerprint {
    return this.#deps.catalog.find(path)?.entry.fingerprint ?? fingerprint;
  }
}

/** The copy of a file beside one that was handed out. `needed`: the loader cannot do without it. */
export type GivenBeside = (copy: { path: string; source: string; needed: boolean }) => void;

function areSame(known: readonly Beside[], listed: readonly Beside[]): boolean {
  const isKnown = ({ path, fingerprint }: Beside) =>
    known.some((other) => other.path === path && isSameFingerprint(other.fingerprint, fingerprint));
  return known.length === listed.length && listed.every(isKnown);
}
