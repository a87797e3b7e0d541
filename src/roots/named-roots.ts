import { homedir } from 'node:os';
import { join } from 'node:path';
import { type ComfyuiPath, comfyuiPaths, ownPaths, pathFiles } from '../comfyui/comfyui-paths.ts';
import { CacheError, sentenceOf, troubleOf } from '../core/errors.ts';
import type { Medium } from '../core/types.ts';
import { liesOnNetwork } from '../media/medium.ts';
import type { Log } from '../runtime/log.ts';
import { Periodic } from '../runtime/periodic.ts';
import { watchFiles } from '../runtime/watch-files.ts';
import type { RootSpec } from './registry.ts';

/** The roots named by the settings. */
export interface RootNames {
  /** AUTOCACHE_ROOTS. */
  roots: readonly { path: string; kind: Medium | null }[];
  /** ComfyUI directories, whose yaml files name more. */
  comfyui: readonly string[];
}

export interface NamedRootsOptions {
  environment: NodeJS.ProcessEnv;
  log: Log;
  /** @throws CacheError when it cannot be a root */
  add(spec: RootSpec): Promise<void>;
  /** Text of a file that may be on a network, null when it does not exist. @throws CacheError */
  readText(path: string): Promise<string | null>;
  /** Called when roots were added at runtime. */
  onAdded(): void;
}

type EndWatch = Promise<() => Promise<void>>;

/** Pause between two readings of the yaml files, ms: finds changes where a file cannot be watched. */
const rereadMs = 10 * 60_000;

/** The roots named by the settings and by ComfyUI's yaml files, at the start and after each change. */
export class NamedRoots implements AsyncDisposable {
  readonly #options: NamedRootsOptions;
  readonly #rounds: Periodic;
  #names: RootNames = { roots: [], comfyui: [] };
  /** By ComfyUI directory, the folders that its files named when last readable. */
  #folders = new Map<string, ComfyuiPath[]>();
  /** The named folders that became roots. */
  #taken = new Map<string, RootSpec>();
  #warnings: string[] = [];
  /** The currently named folders. */
  #named: ReadonlySet<string> = new Set();
  #endWatch: EndWatch | null = null;

  constructor(options: NamedRootsOptions) {
    this.#options = options;
    const onError = (err: unknown) => options.log.error({ err }, 'the names of roots could not be read again');
    const round = async () => {
      if (await this.#read()) options.onAdded();
    };
    this.#rounds = new Periodic(round, { everyMs: rereadMs, onError });
  }

  /** Named folders that are no roots, and roots that are no longer named, one line each. */
  get warnings(): readonly string[] {
    return this.#warnings;
  }

  /**
   * With `strict`, the roots of the settings must be usable.
   * @throws CacheError BAD_CONFIG when one of them overlaps the cache directory (law 2), or the text of a yaml file is faulty.
   */
  async open(names: RootNames, { strict }: { strict: boolean }): Promise<void> {
    this.#names = names;
    await this.#read(strict);
  }

  /** Adds the newly named roots. A root that is no longer named stays until the daemon restarts. */
  update(names: RootNames): Promise<void> {
    this.#names = names;
    this.#watch();
    return this.#rounds.now();
  }

  /** Starts watching the yaml files; returns at once. */
  keep(): void {
    this.#watch();
    this.#rounds.later();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#rounds[Symbol.asyncDispose]();
    await (await this.#endWatch)?.();
  }

  /** @returns whether roots were added */
  async #read(strict = false): Promise<boolean> {
    const warnings: string[] = [];
    const before = this.#taken.size;
    const specs: RootSpec[] = this.#names.roots.map(({ path, kind }) => ({ path, kind, origin: 'config' }));
    for (const directory of this.#names.comfyui) specs.push(...(await this.#foldersOf(directory, warnings, strict)));
    for (const spec of specs) {
      if (this.#taken.has(keyOf(spec))) continue;
      try {
        await this.#options.add(spec);
        this.#taken.set(keyOf(spec), spec);
      } catch (error) {
        if (strict && spec.origin === 'config') throw error;
        warnings.push(`${spec.path} is left out: ${troubleOf(error)}`);
      }
    }
    const named = new Set(specs.map(({ path }) => path));
    const left = new Set([...this.#taken.values()].map(({ path }) => path).filter((path) => !named.has(path)));
    warnings.push(...[...left].map((path) => `${path} is no longer named, and stays a root until: autocached restart`));
    for (const warning of warnings) if (!this.#warnings.includes(warning)) this.#options.log.warn(warning);
    this.#warnings = warnings;
    this.#named = named;
    return this.#taken.size > before;
  }

  /** Whether the settings or ComfyUI's files name this root now. */
  names(path: string): boolean {
    return this.#named.has(path);
  }

  /** Forgets a root that is not named. */
  forget(path: string): void {
    for (const [key, spec] of this.#taken) if (spec.path === path) this.#taken.delete(key);
    this.#rounds.later();
  }

  /**
   * The folders named by a ComfyUI directory's files, or, while these cannot be read, those named before, and at the start ComfyUI's own.
   */
  async #foldersOf(directory: string, warnings: string[], strict: boolean): Promise<ComfyuiPath[]> {
    const { environment, readText } = this.#options;
    const options = { home: homedir(), environment };
    try {
      const folders = await comfyuiPaths(directory, { ...options, readText });
      this.#folders.set(directory, folders);
      return folders;
    } catch (error) {
      if (strict && error instanceof CacheError && error.code === 'BAD_CONFIG') throw error;
      const before = this.#folders.get(directory);
      const which = before ? `the roots of ${directory} stay as they were` : `only the own folders of ${directory} are roots`;
      warnings.push(`${which}: ${sentenceOf(error)}`);
      return before ?? ownPaths(directory, options);
    }
  }

  #watch(): void {
    const { log } = this.#options;
    const onError = (err: unknown) => log.warn({ err }, `changes of ${pathFiles.join(' and ')} are found within ten minutes`);
    const before = this.#endWatch;
    this.#endWatch = this.#watchFrom(before, onError).catch((err) => {
      onError(err);
      return async () => {};
    });
  }

  async #watchFrom(before: EndWatch | null, onError: (err: unknown) => void): EndWatch {
    await (await before)?.();
    const files = this.#names.comfyui.flatMap((directory) => pathFiles.map((name) => join(directory, name)));
    const far = await Promise.all(files.map(liesOnNetwork));
    const near = files.filter((_, index) => !far[index]);
    return watchFiles(near, { onChange: () => void this.#rounds.now(), onError });
  }
}

function keyOf({ path, category, kind }: RootSpec): string {
  return JSON.stringify([path, category, kind]);
}
