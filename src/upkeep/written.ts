import { rmSync, statSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type { WrittenFile } from '../api/written.ts';
import type { Catalog } from '../catalog/catalog.ts';
import { isWrittenTo } from '../catalog/written.ts';
import { tierTraits } from '../core/tier-traits.ts';
import type { Log } from '../runtime/log.ts';
import { Pauses } from '../runtime/pauses.ts';
import { Periodic } from '../runtime/periodic.ts';
import { directoriesIn, directoriesOf, foreignFilesIn, giveAway, isRewritten, lookAtFile } from '../tiers/foreign.ts';
import { mirrorPath } from '../tiers/mirror.ts';
import { saveFile } from '../tiers/save-file.ts';
import type { PosixTier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';

export interface WrittenFilesDeps {
  catalog: Catalog;
  tiers: Tiers<PosixTier>;
  accounts: { readonly ready: Promise<void> };
  /** Paths that programs were given, beside which they write. */
  handedOut: { paths(): Iterable<string>; directories(): Iterable<string> };
  log: Log;
  onTrouble(error: unknown): void;
}

/** Interval between two checks, ms. */
const lookEveryMs = 5000;

/**
 * Files that programs write beside copies instead of beside the sources (law 15): new files, and changed notes about a model. Such a
 * file belongs to the user: eviction leaves it alone, and it stays until the user has it written beside its source.
 */
export class WrittenFiles implements AsyncDisposable {
  readonly #deps: WrittenFilesDeps;
  readonly #looking: Periodic;
  readonly #found = new Set<string>();
  /** Directories in which programs may have written: those of the given paths, and their subdirectories. */
  readonly #directories = new Set<string>();
  /** Mtime of each checked directory, ms: a new file changes it. */
  readonly #seen = new Map<string, number>();
  #ended = false;

  constructor(deps: WrittenFilesDeps) {
    this.#deps = deps;
    this.#looking = new Periodic(() => this.look(), { everyMs: lookEveryMs, onError: deps.onTrouble });
  }

  /** Checks the tiers once everything is accounted for, then periodically the directories of given paths. */
  start(): void {
    const { accounts, tiers, onTrouble } = this.#deps;
    void accounts.ready
      .then(async () => {
        for (const tier of plain(tiers)) {
          for await (const directory of directoriesOf(tier)) {
            if (this.#ended) return;
            await this.#lookIn(tier, directory);
          }
        }
        // From here on, directories in which programs may have written are enough.
        this.#directories.clear();
        this.#seen.clear();
        await this.#looking.now();
      })
      .catch(onTrouble);
  }

  /** The present files, largest first. */
  async list(): Promise<WrittenFile[]> {
    if (this.#found.size === 0) return [];
    const roots = this.#deps.catalog.entries.roots();
    const files: WrittenFile[] = [];
    const pauses = new Pauses();
    for (const path of [...this.#found]) {
      const file = this.#describe(path, roots);
      if (file) files.push(file);
      await pauses.take();
    }
    return files.sort((a, b) => b.bytes - a.bytes);
  }

  /**
   * Removes files that were written beside their sources, if they are unchanged since they were listed. @returns their sources
   */
  broughtBack(files: readonly Pick<WrittenFile, 'path' | 'bytes' | 'mtimeNs'>[]): string[] {
    const roots = this.#deps.catalog.entries.roots();
    return files.flatMap(({ path, bytes, mtimeNs }) => {
      const file = this.#found.has(path) ? this.#describe(path, roots) : null;
      if (file?.bytes !== bytes || file.mtimeNs !== mtimeNs) return [];
      rmSync(path, { force: true });
      this.#deps.catalog.written.forget(path);
      this.#found.delete(path);
      return [file.source];
    });
  }

  async look(): Promise<void> {
    const { catalog, tiers, handedOut } = this.#deps;
    const given = [...handedOut.paths()];
    const pauses = new Pauses();
    for (const path of given) {
      await pauses.take();
      const copy = catalog.copies.byPath(path);
      if (!copy || tiers.check(copy) !== 'changed') continue;
      const rewritten = await isRewritten(tiers.require(copy.tier), path);
      if (catalog.copies.byPath(path)?.id !== copy.id || !isWrittenTo(copy, tiers.check(copy), rewritten)) continue;
      catalog.written.disown(copy);
      giveAway(tiers.require(copy.tier), path);
    }
    // Also files found by an eviction or at the start, whose directories did not change.
    for (const path of catalog.written.paths()) if (plain(tiers).some((tier) => tier.hasForeign(path))) this.#note(path);
    const foundIn = [...this.#found].map(dirname);
    for (const directory of [...handedOut.directories(), ...foundIn]) this.#directories.add(directory);
    // The set grows during the loop by subdirectories.
    for (const directory of this.#directories) {
      for (const tier of plain(tiers)) if (directory.startsWith(join(tier.dir, 'files'))) await this.#lookIn(tier, directory);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#ended = true;
    await this.#looking[Symbol.asyncDispose]();
    // Files only in memory are saved to the SSD before they are lost.
    await this.look();
  }

  async #lookIn(tier: PosixTier, directory: string): Promise<void> {
    const changedAt = statSync(directory, { throwIfNoEntry: false })?.mtimeMs;
    if (changedAt === undefined) this.#directories.delete(directory);
    else if (changedAt !== this.#seen.get(directory)) {
      this.#seen.set(directory, changedAt);
      for (const below of directoriesIn(directory)) this.#directories.add(below);
      const pauses = new Pauses();
      for (const path of foreignFilesIn(tier, directory)) {
        await pauses.take();
        if (this.#deps.catalog.copies.byPath(path) === undefined) this.#note(path);
      }
    }
    if (tierTraits[tier.name].volatile) await this.#save(tier, directory);
  }

  #note(path: string): void {
    if (this.#found.has(path)) return;
    this.#found.add(path);
    this.#deps.log.info({ path }, 'a program wrote this beside copies; `autocached bring-back` brings it beside its source');
  }

  /** Saves a program's files in memory to the SSD, and again whenever they change. */
  async #save(tier: PosixTier, directory: string): Promise<void> {
    const ssd = this.#deps.tiers.require('ssd');
    for (const path of this.#found) {
      if (dirname(path) !== directory) continue;
      const saved = join(ssd.dir, relative(tier.dir, path));
      const copy = this.#deps.catalog.copies.byPath(saved);
      if (copy) {
        this.#deps.catalog.written.disown(copy);
        ssd.dropManifest(saved);
      }
      if (await saveFile(path, saved, ssd.partialDir)) this.#note(saved);
    }
  }

  #describe(path: string, roots: readonly string[]): WrittenFile | null {
    const { tiers, catalog } = this.#deps;
    const tier = plain(tiers).find(({ dir }) => path.startsWith(join(dir, 'files')));
    const found = lookAtFile(path);
    if (!tier || !found || !tier.hasForeign(path)) {
      this.#found.delete(path);
      return null;
    }
    // Files in memory are listed by their saved versions.
    if (tierTraits[tier.name].volatile) return null;
    const below = relative(join(tier.dir, 'files'), path);
    const root = roots.find((one) => below.startsWith(dirname(mirrorPath(one, 'any'))));
    if (root === undefined) return null;
    const source = join(root, relative(dirname(mirrorPath(root, 'any')), below));
    return { path, source, root, ...found, was: catalog.written.sourceAt(path) };
  }
}

/** The tiers whose files programs open. */
function plain(tiers: Tiers<PosixTier>): PosixTier[] {
  return tiers.servable();
}
