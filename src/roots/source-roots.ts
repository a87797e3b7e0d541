import { basename, dirname } from 'node:path';
import type { RootsRequest, RootView } from '../api/api.ts';
import { standardCategories } from '../comfyui/categories.ts';
import { toCacheError } from '../core/errors.ts';
import type { Remote } from '../core/remote.ts';
import type { Medium, SourceFile, SourceState } from '../core/types.ts';
import { detectMedium, isNetwork } from '../media/medium.ts';
import { type ListedFile, SourceClient } from '../sources/client.ts';
import type { Published } from '../sources/driver.ts';
import type { Root } from '../sources/root.ts';
import { FilledDirectories } from './filled-directories.ts';
import { followCopies } from './follow-copies.ts';
import { followVolumes } from './follow-volumes.ts';
import { forgetRoots } from './forget.ts';
import { KnownSources } from './known-sources.ts';
import { Library } from './library.ts';
import { flat, type LocatedSource, spelled } from './located-source.ts';
import { NamedRoots, type RootNames } from './named-roots.ts';
import { OneSpelling } from './one-spelling.ts';
import { openRemotes } from './open-remotes.ts';
import type { SourceRootsOptions } from './options.ts';
import { registerRoot } from './register.ts';
import { registerRoots } from './register-roots.ts';
import { type RootSpec, Roots } from './registry.ts';
import type { RemoteRoots } from './remote-roots.ts';
import { RootKeeper } from './root-keeper.ts';
import { SourceStats } from './source-stats.ts';
import { withStem } from './stems.ts';

/** Timeout of a measurement by a few small reads, ms. */
const probeDeadlineMs = 5000;
/** Timeout of a few small reads on a disk that may have to spin up, ms. */
const readDeadlineMs = 10_000;
/** Interval between two walks of a root, ms. Local roots are also watched; on a network root only walks find changes. */
const rescanMs = 10 * 60_000;

/** The roots of the daemon: their origins, media and health, and the changes below them. */
export class SourceRoots implements AsyncDisposable {
  readonly #options: SourceRootsOptions;
  readonly #roots = new Roots();
  readonly #host: SourceClient;
  readonly #library = new Library();
  readonly #keeper: RootKeeper;
  readonly #named: NamedRoots;
  readonly #stats: SourceStats;
  readonly #spelling: OneSpelling;
  #endVolumes = () => {};
  readonly #endCopies: () => void;
  readonly #filled: FilledDirectories;
  #remotes: RemoteRoots | null = null;
  readonly #arrivalListeners = new Set<(paths: readonly string[]) => void>();

  constructor(options: SourceRootsOptions) {
    const { log, clock, events, environment, ignoresCase, openThread, onSpent } = options;
    const known = new KnownSources(options);
    this.#filled = new FilledDirectories(options);
    this.#spelling = new OneSpelling({ ...options, roots: this.#roots });
    this.#options = options;
    this.#host = new SourceClient({ roots: this.#roots, ignoresCase, onSpent, ...(openThread && { openThread }) });
    this.#keeper = new RootKeeper({
      roots: this.#roots,
      host: this.#host,
      log,
      clock,
      rescanMs,
      ...(options.remotes && { remoteListMs: options.remotes.listMs }),
      library: this.#library,
      known: (root, directory) => known.below(root, directory),
      find: (path) => known.find(path),
      onListed: async (root, files) => this.#remotes?.listed(root, files),
      onChange: (path, state) => {
        if (state.state === 'missing') this.#remotes?.gone(path);
        known.changed(path, state);
      },
      onArrived: (paths) => {
        for (const listener of this.#arrivalListeners) listener(paths);
      },
      onRespelled: (root, counts, onDisk) => this.#spelling.respelled(root, counts, onDisk),
      onHealth: (root) => {
        this.#spelling.join();
        events.emit('root-health', this.#view(root));
      },
      onFilled: (root, identity) => this.#filled.note(root, identity),
    });
    this.#endCopies = followCopies(events, { roots: this.#roots, library: this.#library });
    const isAway = (root: Root) => this.#keeper.health(root).health === 'away';
    this.#stats = new SourceStats({
      roots: this.#roots,
      host: this.#host,
      isAway,
      // A change noticed by a lookup does not wait for the next check of the roots.
      onDoubt: (root, seemsAway) => {
        if (seemsAway !== isAway(root)) void this.#keeper.check(root);
      },
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
   * Adds the roots named by the settings and by ComfyUI's yaml files, which must be usable with `strict`, and those that programs
   * registered before.
   * @throws CacheError BAD_CONFIG when a root of the settings overlaps the cache directory (law 2), or the text of a yaml file is faulty.
   */
  async open(names: RootNames, options: { strict: boolean }): Promise<void> {
    await this.#named.open(names, options);
    const { remotes } = this.#options;
    const scan = (root: Root) => this.#keeper.scan(root);
    this.#remotes = remotes ? await openRemotes({ ...this.#options, ...remotes, roots: this.#roots, scan }) : null;
    const { entries, settings } = this.#options.catalog;
    for (const spec of settings.savedRoots()) {
      // A folder of ComfyUI that never had a file may never have existed.
      const optional =
        spec.origin === 'comfyui' && entries.pageBelow(spec.path, { directory: spec.path, after: '', most: 1 }).length === 0;
      await this.#addOrWarn({ ...spec, category: spec.category || null, optional });
    }
    this.#spelling.join();
  }

  /** Starts walking and watching; returns at once. */
  keep(): void {
    this.#keeper.start();
    this.#named.keep();
    this.#endVolumes = followVolumes(this.#roots, this.#keeper);
  }

  /** Adds roots newly named by the settings. */
  update(names: RootNames): Promise<void> {
    return this.#named.update(names);
  }

  /** Named folders that are no roots, and roots that are no longer named, one line each. */
  get warnings(): readonly string[] {
    return this.#named.warnings;
  }

  locate(path: string): LocatedSource | null {
    const located = this.#roots.find(path);
    return located && flat(located);
  }

  /** See `spelled`. */
  spelled(directory: string): string | null {
    return spelled(directory, this.#roots);
  }

  /** Registers a folder of the daemon as a root while it runs: its files are as fast as copies. */
  addOwn(path: string): void {
    if (this.#roots.add({ path, origin: 'config', kind: 'ssd', optional: true }).added) this.#keeper.start();
  }

  candidates(category: string, name: string): LocatedSource[] {
    return this.#roots.resolveName(category, name).map(flat);
  }

  /** The names of the files of a category with this stem; see `withStem`. */
  withStem(category: string, stem: string): Promise<string[]> {
    return withStem(category, stem, { ...this.#options, roots: this.#roots, library: this.#library, keeper: this.#keeper });
  }

  /** The category and name by which ComfyUI asks for a file; null below no root. */
  nameOf(path: string): { category: string; name: string } | null {
    return this.#roots.nameOf(path);
  }

  /** The categories of all roots; roots of several may hold any of ComfyUI's own. */
  categories(): string[] {
    const listed = this.#roots.list().map((root) => root.categories);
    const several = listed.some((categories) => categories.length === 0);
    return [...new Set([...listed.flat(), ...(several ? Object.keys(standardCategories) : [])])];
  }

  /** Calls the listener with new model files in directories, never with those on a remote. @returns a function that ends this */
  onArrived(listener: (paths: readonly string[]) => void): () => void {
    this.#arrivalListeners.add(listener);
    return () => this.#arrivalListeners.delete(listener);
  }

  /** Stats the source; simultaneous calls for one file share the stat. */
  stat({ path }: LocatedSource, askedBy: Parameters<SourceStats['ask']>[1]): Promise<SourceState> {
    return this.#remotes?.stat(path, askedBy) ?? this.#stats.ask(path, askedBy);
  }

  /** The medium of this very file, detected without touching a network. Null below no root. */
  async mediumOf(path: string): Promise<Medium | null> {
    const located = this.#roots.find(path);
    // A root on a network is read by a process that may follow any link.
    if (located && !isNetwork(located.root.kind)) this.#roots.learnPart(path, await detectMedium(path));
    return this.#roots.find(path)?.medium ?? null;
  }

  /** Checks the root of this source now; its health follows. Never throws. */
  async check(path: string): Promise<void> {
    const root = this.#roots.find(path)?.root;
    if (root) await this.#keeper.check(root);
  }

  /** Time of one small read from this source, ms; null when it cannot be measured. */
  async probe(path: string): Promise<number | null> {
    return this.#remotes?.has(path) ? null : this.#host.probe(path, { deadlineMs: probeDeadlineMs });
  }

  /** The SHA-256 beside this source, null when there is none. @throws CacheError `SOURCE_AWAY`, `SOURCE_IO` */
  published(path: string): Promise<Published | null> {
    return this.#host.published(path, { deadlineMs: readDeadlineMs });
  }

  /** The files that loaders of a source may open in its directory or its own subfolders. @throws CacheError `SOURCE_AWAY`, `SOURCE_IO` */
  async filesBeside(path: string): Promise<ListedFile[]> {
    const located = this.#roots.find(path);
    if (!located) return [];
    if (located.root.remote) return this.#remotes?.filesBeside(located.path) ?? [];
    const files: ListedFile[] = [];
    const [directory, beside] = [dirname(located.path), basename(located.path)];
    await this.#host.walk(located.root, { directory, beside, onFiles: (batch) => files.push(...batch) });
    return files;
  }

  /** The first bytes of a source. @throws CacheError `SOURCE_MISSING`, `SOURCE_AWAY`, `SOURCE_IO`, `SOURCE_CHANGED` */
  head(file: SourceFile, bytes: number): Promise<Uint8Array> {
    return this.#host.head(file, bytes, { deadlineMs: readDeadlineMs });
  }

  /** The kernel's names of a source's disks, joined by `+`; null when unknown. */
  diskOf(path: string): string | null {
    return this.#roots.find(path)?.device ?? null;
  }

  /** The remote that the sources of a root are read from; null = its directory. */
  remoteOf(root: string): Remote | null {
    return this.#roots.get(root)?.remote ?? null;
  }

  /** The remote roots. */
  remotes(): { remote: Remote; root: RootView }[] {
    return this.#roots.list().flatMap((root) => (root.remote ? [{ remote: root.remote, root: this.#view(root) }] : []));
  }

  list(): RootView[] {
    return this.#roots.list().map((root) => this.#view(root));
  }

  /** The last found model files below the roots, requested or not. */
  *files(): Generator<LocatedSource & { size: number }> {
    for (const { path, size } of this.#library.files()) {
      const located = this.locate(path);
      if (located) yield { ...located, size };
    }
  }

  /** Adds roots named by a program, and keeps them over restarts. @throws CacheError BAD_REQUEST when none of them can be a root. */
  async register(request: RootsRequest): Promise<RootView[]> {
    const { catalog, log } = this.#options;
    try {
      await registerRoots(request, { add: (spec) => this.#add(spec), settings: catalog.settings, log });
    } finally {
      this.#spelling.join();
    }
    return this.list();
  }

  /** Forgets gone roots; see `forgetRoots`. @throws CacheError NOT_FOUND, BAD_REQUEST */
  forget(paths: readonly string[]): string[] {
    const { catalog, log } = this.#options;
    const parts = { roots: this.#roots, named: this.#named, library: this.#library, filled: this.#filled };
    return forgetRoots(paths, { ...parts, settings: catalog.settings, log });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endVolumes();
    this.#endCopies();
    this.#spelling[Symbol.dispose]();
    await this.#keeper[Symbol.asyncDispose]();
    // This also ends a question under way.
    await this.#host[Symbol.asyncDispose]();
    await this.#named[Symbol.asyncDispose]();
  }

  async #add(spec: RootSpec): Promise<void> {
    const { cacheDirs, cacheAround, log } = this.#options;
    const { root, added } = await registerRoot(spec, { roots: this.#roots, host: this.#host, cacheDirs, cacheAround });
    if (added) log.info({ path: root.path, kind: root.kind, kindFrom: root.kindFrom }, 'root');
    this.#filled.tell(root, this.#host);
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
}
