import { dirname } from 'node:path';
import type { RootsRequest, RootView } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { standardCategories } from '../comfyui/categories.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Medium, SourceState } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import { InFlight } from '../runtime/in-flight.ts';
import type { Log } from '../runtime/log.ts';
import { type ListedFile, SourceClient } from '../sources/client.ts';
import type { Published } from '../sources/driver.ts';
import type { Root } from '../sources/root.ts';
import { Library } from './library.ts';
import { NamedRoots, type RootNames } from './named-roots.ts';
import { registerRoot } from './register.ts';
import { type RootSpec, Roots } from './registry.ts';
import { RootKeeper } from './root-keeper.ts';
import type { KnownFile } from './scan.ts';

/** How long a source is waited for when the asker has not told its stat, ms: by a lookup, and by a command that plans ahead. */
const statDeadlineMs = { loader: 150, command: 10_000 };
/** A source that is so slow with a few small reads is not measured, ms. */
const probeDeadlineMs = 5000;
/** A few small files, on a disk that was just read or that spins up, ms. */
const publishedDeadlineMs = 10_000;
/** Pause between two walks of a root. Local roots are watched between them; on a network root this is how changes are found, ms. */
const rescanMs = 10 * 60_000;
/** Known sources are handed to the keeper in pages of so many. */
const pageSize = 500;

export interface SourceRootsOptions {
  catalog: Catalog;
  events: Events;
  log: Log;
  clock: Clock;
  /** The directories that copies lie in. */
  cacheDirs: readonly string[];
  /** The variables that ComfyUI's yaml files may name. */
  environment: NodeJS.ProcessEnv;
}

/** A file below a root, as lookups see it. */
export interface LocatedSource {
  path: string;
  root: string;
  rel: string;
  category: string | null;
  medium: Medium;
}

/** The roots of the daemon: where they come from, what they lie on, how they are, and what changes below them. */
export class SourceRoots implements AsyncDisposable {
  readonly #options: SourceRootsOptions;
  readonly #roots = new Roots();
  readonly #host: SourceClient;
  readonly #library = new Library();
  readonly #keeper: RootKeeper;
  readonly #named: NamedRoots;
  readonly #asking = new InFlight<string, SourceState>();

  constructor(options: SourceRootsOptions) {
    const { log, clock, events, environment } = options;
    this.#options = options;
    this.#host = new SourceClient({ roots: this.#roots });
    this.#keeper = new RootKeeper({
      roots: this.#roots,
      host: this.#host,
      log,
      clock,
      rescanMs,
      library: this.#library,
      known: (root, directory) => this.#known(root, directory),
      find: (path) => this.#options.catalog.entries.known(path),
      onChange: (path, state) => this.#changed(path, state),
      onHealth: (root) => events.emit('root-health', this.#view(root)),
    });
    this.#named = new NamedRoots({
      environment,
      log,
      add: (spec) => this.#add(spec),
      readText: (path) => this.#host.readText(path, { deadlineMs: 5000 }),
      onAdded: () => this.#keeper.start(),
    });
  }

  /**
   * Takes up the roots that the settings and ComfyUI's yaml files name, which must be usable with `strict`, and those that programs
   * registered before.
   * @throws CacheError BAD_CONFIG when a root of the settings and the cache directory are not apart (law 2), or a yaml file is broken.
   */
  async open(names: RootNames, options: { strict: boolean }): Promise<void> {
    await this.#named.open(names, options);
    for (const spec of this.#options.catalog.settings.savedRoots()) {
      await this.#addOrWarn({ ...spec, category: spec.category || null });
    }
  }

  /** Begins to walk and to watch; returns at once. */
  keep(): void {
    this.#keeper.start();
    this.#named.keep();
  }

  /** Takes up what changed settings name besides. */
  update(names: RootNames): Promise<void> {
    return this.#named.update(names);
  }

  /** What is named and no root, and what is a root and no longer named, one line each. */
  get warnings(): readonly string[] {
    return this.#named.warnings;
  }

  locate(path: string): LocatedSource | null {
    const located = this.#roots.find(path);
    return located && flat(located);
  }

  candidates(category: string, name: string): LocatedSource[] {
    return this.#roots.resolveName(category, name).map(flat);
  }

  /** Every category that a root holds; roots that hold several may hold any of ComfyUI's own. */
  categories(): string[] {
    const listed = this.#roots.list().map((root) => root.categories);
    const several = listed.some((categories) => categories.length === 0);
    return [...new Set([...listed.flat(), ...(several ? Object.keys(standardCategories) : [])])];
  }

  /** Asks the source; many who ask for one file at once share the question. */
  stat({ path }: LocatedSource, patience: keyof typeof statDeadlineMs): Promise<SourceState> {
    return this.#asking.run(`${patience}:${path}`, () => this.#stat(path, statDeadlineMs[patience]));
  }

  async #stat(path: string, deadlineMs: number): Promise<SourceState> {
    const state = await this.#host.stat(path, { deadlineMs });
    const root = this.#roots.find(path)?.root;
    // What a lookup sees first is not left to the next look at the roots.
    if (root && (state.state === 'away') !== (this.#keeper.health(root).health === 'away')) void this.#keeper.check(root);
    return state;
  }

  /** Looks at the root of this source now; its health follows. Never throws. */
  async check(path: string): Promise<void> {
    const root = this.#roots.find(path)?.root;
    if (root) await this.#keeper.check(root);
  }

  /** How long this source takes for one small read, ms; null where that cannot be told. */
  probe(path: string): Promise<number | null> {
    return this.#host.probe(path, { deadlineMs: probeDeadlineMs });
  }

  /** The SHA-256 that lies beside this source, null when none does. @throws CacheError `SOURCE_AWAY`, `SOURCE_IO` */
  published(path: string): Promise<Published | null> {
    return this.#host.published(path, { deadlineMs: publishedDeadlineMs });
  }

  /** The files in the directory of a source. @throws CacheError `SOURCE_AWAY`, `SOURCE_IO` */
  async filesBeside(path: string): Promise<ListedFile[]> {
    const located = this.#roots.find(path);
    if (!located) return [];
    const files: ListedFile[] = [];
    const directory = dirname(located.path);
    await this.#host.walk(located.root, { directory, recursive: false, onFiles: (batch) => files.push(...batch) });
    return files;
  }

  /** The disks of a root by the kernel's names, joined by `+`; null when they are not known. */
  diskOf(root: string): string | null {
    return this.#roots.get(root)?.device ?? null;
  }

  list(): RootView[] {
    return this.#roots.list().map((root) => this.#view(root));
  }

  /** The model files below the roots, asked for or not, as they were met last. */
  *files(): Generator<LocatedSource & { size: number }> {
    for (const { path, size } of this.#library.files()) {
      const located = this.locate(path);
      if (located) yield { ...located, size };
    }
  }

  /**
   * Takes up roots that a program names, and keeps them over restarts.
   * @throws CacheError BAD_REQUEST when none of them can be a root.
   */
  async register({ roots, origin = 'api' }: RootsRequest): Promise<RootView[]> {
    const refused: CacheError[] = [];
    for (const { path, category = null, kind = null } of roots) {
      try {
        // ComfyUI names every folder it would look into; that one was never there is no outage.
        await this.#add({ path, category, kind, origin, optional: origin === 'comfyui' });
        this.#options.catalog.settings.saveRoot({ path, category, kind, origin });
      } catch (error) {
        refused.push(toCacheError(error));
        this.#options.log.warn({ path, why: toCacheError(error).message }, 'root refused');
      }
    }
    const [first] = refused;
    if (first && refused.length === roots.length)
      throw new CacheError('BAD_REQUEST', first.message, { hint: first.hint ?? '' });
    return this.list();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#keeper[Symbol.asyncDispose]();
    // A question that is under way ends with it.
    await this.#host[Symbol.asyncDispose]();
    await this.#named[Symbol.asyncDispose]();
  }

  async #add(spec: RootSpec): Promise<void> {
    const { cacheDirs, log } = this.#options;
    const { root, added } = await registerRoot(spec, { roots: this.#roots, host: this.#host, cacheDirs });
    if (added) log.info({ path: root.path, kind: root.kind, kindFrom: root.kindFrom }, 'root');
  }

  async #addOrWarn(spec: RootSpec): Promise<void> {
    try {
      await this.#add(spec);
    } catch (error) {
      this.#options.log.warn({ path: spec.path, why: toCacheError(error).message }, 'root left out');
    }
  }

  #view(root: Root): RootView {
    const { path, kind, kindFrom, categories, origin } = root;
    return { path, kind, kindFrom, categories: [...categories], origin, ...this.#keeper.health(root) };
  }

  *#known(root: Root, directory: string): Iterable<KnownFile[]> {
    const { entries } = this.#options.catalog;
    for (let last = ''; ; ) {
      const page = entries.pageBelow(root.path, { directory, after: last, most: pageSize });
      if (page.length === 0) return;
      last = page.at(-1)?.path ?? last;
      yield page;
    }
  }

  /** A source was replaced behind our back: its copy goes out of service before anybody asks. That it is missing takes nothing away. */
  #changed(path: string, state: SourceState): void {
    const { catalog, events, log } = this.#options;
    const entry = catalog.entries.byPath(path);
    if (!entry || state.state !== 'present') return;
    catalog.entries.put({ ...entry, fingerprint: state.fingerprint });
    for (const copy of catalog.copies.readyOf(entry.id)) {
      if (isSameFingerprint(copy.source, state.fingerprint)) continue;
      catalog.copies.retire(copy.id);
      events.emit('copy-stale', { entry: entry.id, path });
      log.info({ path }, 'source changed; its copy is out of service');
    }
  }
}

function flat({
  root,
  path,
  rel,
  category,
}: {
  root: Root;
  path: string;
  rel: string;
  category: string | null;
}): LocatedSource {
  return { path, root: root.path, rel, category, medium: root.kind };
}
