import { homedir } from 'node:os';
import type { Catalog } from '../catalog/catalog.ts';
import type { RootsRequest, RootView } from '../core/api.ts';
import type { Clock } from '../core/clock.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { Events } from '../core/events.ts';
import type { Log } from '../core/log.ts';
import type { Medium, SourceState } from '../core/types.ts';
import { comfyuiPaths } from '../roots/comfyui-paths.ts';
import { assertDisjoint, realPathOf } from '../roots/disjoint.ts';
import { detectMedium } from '../roots/medium.ts';
import { type Root, type RootSpec, Roots } from '../roots/registry.ts';
import { SourceHost } from '../roots/source-host.ts';

/** How long a lookup waits for a source when the asker has not told its stat, ms. */
const statDeadlineMs = 200;

export interface SourceRootsOptions {
  catalog: Catalog;
  events: Events;
  log: Log;
  clock: Clock;
  cacheDir: string;
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
  readonly #host: SourceHost;
  #cacheDirReal = '';

  constructor(options: SourceRootsOptions) {
    this.#options = options;
    this.#host = new SourceHost({ roots: this.#roots });
  }

  /**
   * Takes up the roots of the configuration, of ComfyUI directories, and those that programs registered before.
   * @throws CacheError BAD_CONFIG when a configured root and the cache directory are not apart (law 2), or a yaml is broken.
   */
  async open(from: {
    configured: readonly { path: string; kind: Medium | null }[];
    comfyui: readonly string[];
    environment: NodeJS.ProcessEnv;
  }): Promise<void> {
    this.#cacheDirReal = await realPathOf(this.#options.cacheDir);
    for (const { path, kind } of from.configured) await this.#add({ path, kind, origin: 'config' });
    for (const directory of from.comfyui) {
      const found = await comfyuiPaths(directory, {
        home: homedir(),
        environment: from.environment,
        readText: (path) => this.#host.readText(path, { deadlineMs: 5000 }),
      });
      for (const spec of found) await this.#addOrWarn(spec);
    }
    for (const spec of this.#options.catalog.settings.savedRoots()) {
      await this.#addOrWarn({ ...spec, category: spec.category || null });
    }
  }

  locate(path: string): LocatedSource | null {
    const located = this.#roots.find(path);
    return located && flat(located);
  }

  candidates(category: string, name: string): LocatedSource[] {
    return this.#roots.resolveName(category, name).map(flat);
  }

  stat({ path }: LocatedSource): Promise<SourceState> {
    return this.#host.stat(path, { deadlineMs: statDeadlineMs });
  }

  list(): RootView[] {
    return this.#roots.list().map((root) => this.#view(root));
  }

  /**
   * Takes up roots that a program names, and keeps them over restarts.
   * @throws CacheError BAD_REQUEST when none of them can be a root.
   */
  async register({ roots, origin = 'api' }: RootsRequest): Promise<RootView[]> {
    const refused: CacheError[] = [];
    for (const { path, category = null, kind = null } of roots) {
      try {
        await this.#add({ path, category, kind, origin });
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
    await this.#host[Symbol.asyncDispose]();
  }

  async #add(spec: RootSpec): Promise<void> {
    const medium = await detectMedium(spec.path);
    assertDisjoint(this.#cacheDirReal, medium.resolved);
    assertDisjoint(this.#cacheDirReal, spec.path);
    const { root, added } = this.#roots.add({ ...spec, medium });
    if (medium.resolved !== root.path) this.#roots.addAlias(root.path, medium.resolved);
    if (added) this.#options.log.info({ path: root.path, kind: root.kind, kindFrom: root.kindFrom }, 'root');
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
    return { path, kind, kindFrom, categories: [...categories], origin, health: 'unknown', why: null, files: null };
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
