import { lstatSync, mkdirSync, realpathSync, rmdirSync, rmSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import type { Catalog } from '../catalog/catalog.ts';
import type { VariantOrder, VariantRow } from '../catalog/variants.ts';
import { CacheError, sentenceOf } from '../core/errors.ts';
import { isSameFingerprint } from '../core/fingerprint.ts';
import type { Fingerprint } from '../core/types.ts';
import { errnoOf } from '../runtime/errnos.ts';
import type { Log } from '../runtime/log.ts';
import { writePrivately } from '../runtime/private-file.ts';
import { assertNameable, longestName } from '../tiers/names.ts';
import type { PosixTier } from '../tiers/tier.ts';
import { reportIn, variantFiles, variantListIn } from '../variants/own-files.ts';
import type { VariantReport } from '../variants/report.ts';

export interface VariantFolderDeps {
  catalog: Catalog;
  /** The tier of the cache directory, which holds variants beside the copies. */
  tier: Pick<PosixTier, 'dir' | 'state'>;
  stateDir: string;
  sources: {
    /** The category and name by which ComfyUI asks for a file. */
    nameOf(path: string): { category: string; name: string } | null;
    /** Registers a folder of the daemon as a root whose files load as fast as copies. */
    addOwn(path: string): void;
  };
  log: Log;
}

/** The facts in a variant's file. */
interface FoundVariant extends Pick<VariantReport, 'recipe' | 'source'>, Pick<VariantRow, 'bytes' | 'facts'> {
  mtimeNs: string;
}

/** The folder of all variants in the cache directory, with one for each category, which ComfyUI has among its model folders. */
export class VariantFolder {
  readonly #deps: VariantFolderDeps;
  readonly directory: string;

  constructor(deps: VariantFolderDeps) {
    this.#deps = deps;
    this.directory = join(deps.tier.dir, 'variants');
  }

  /** The place of a variant: that of its source below its category. @throws CacheError BAD_REQUEST for a name that the disk refuses */
  placeOf(source: { path: string; rel: string }, name: string): string {
    const known = this.#deps.sources.nameOf(source.path) ?? { category: 'other', name: source.rel.split(sep).join('/') };
    const folders = known.name.split('/').slice(0, -1);
    const path = join(this.directory, known.category, ...folders, name);
    assertNameable(path, longestName(this.#deps.tier.dir));
    return path;
  }

  /**
   * The variant at a path, which a new one may replace.
   * @returns its mtime, ns; null = no file  @throws CacheError CONFLICT when a foreign file has that path
   */
  formerAt(path: string): string | null {
    const there = lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (!there) return null;
    const isOurs = this.#deps.catalog.variants.byPath(path) !== undefined && this.#factsOf(path) !== null;
    if (isOurs) return String(there.mtimeNs);
    throw new CacheError('CONFLICT', `there is a file ${path} already`, { hint: 'move it away, or remove it' });
  }

  /**
   * Whether a variant matches its present source. A source that was only touched (its rights, its links) has the same bytes, which is
   * known once its copy was compared.
   */
  isOf({ path, source, fingerprint }: VariantRow, now: Fingerprint): boolean {
    if (isSameFingerprint(fingerprint, now)) return true;
    const { entries, contents } = this.#deps.catalog;
    const entry = source === null || fingerprint.size !== now.size ? undefined : entries.byPath(source);
    const sha256 = entry && isSameFingerprint(entry.fingerprint, now) ? contents.sha256Of(entry.id) : null;
    return sha256 !== null && sha256 === this.reportOf(path)?.source.sha256;
  }

  has(path: string): boolean {
    return isPlainFile(path);
  }

  /** Registers the folder with ComfyUI, which also reads it while no daemon runs. Below an empty mount point it is not made. */
  show(): void {
    if (this.#deps.tier.state() !== 'away') mkdirSync(this.directory, { recursive: true, mode: 0o755 });
    this.#list([{ name: 'variants', path: this.directory, category: null }]);
    this.#deps.sources.addOwn(this.directory);
  }

  #list(folders: { name: string; path: string; category: null }[]): void {
    const list = variantListIn(this.#deps.stateDir);
    mkdirSync(dirname(list), { recursive: true, mode: 0o755 });
    writePrivately(list, JSON.stringify({ folders }), 0o644);
  }

  /**
   * Forgets variants whose files are gone, and adopts those that the catalog has lost, or that were renamed just before the last daemon
   * ended. Does nothing while the disk is away.
   */
  async settle(): Promise<void> {
    const { catalog, tier, log } = this.#deps;
    if (tier.state() === 'away') return;
    const [rows, orders] = [catalog.variants.all(), catalog.variants.orders()];
    const gone = rows.filter(({ path }) => !isPlainFile(path));
    const known = new Set([...rows, ...orders].map(({ path }) => path));
    const found = (await variantFiles(this.directory)).filter((path) => !known.has(path));
    await catalog.write(() => {
      for (const { path } of gone) catalog.variants.forget(path);
      for (const path of found) this.#takeIn(path);
      for (const order of orders) this.#finishIfThere(order);
    });
    if (gone.length > 0) log.warn({ paths: gone.map(({ path }) => path) }, 'variants were removed by another program');
    if (catalog.variants.count() > 0) this.show();
    // ComfyUI watches only an existing list.
    else this.#list([]);
  }

  /** The report in the file's own metadata; null when it is no variant. */
  reportOf(path: string): VariantReport | null {
    try {
      return reportIn(path);
    } catch (error) {
      this.#deps.log.debug({ path, why: sentenceOf(error) }, 'a variant cannot be read');
      return null;
    }
  }

  /** Removes a variant and its row. @throws CacheError IN_USE, CACHE_AWAY */
  async remove(path: string): Promise<void> {
    const { catalog, tier } = this.#deps;
    if (tier.state() === 'away') throw new CacheError('CACHE_AWAY', 'the cache disk is away');
    try {
      // A file there without a known variant is foreign.
      if (catalog.variants.byPath(path) && isPlainFile(path)) rmSync(path);
    } catch (error) {
      throw new CacheError('IN_USE', `${path} cannot be removed now (${errnoOf(error)})`, { hint: 'a program has it open' });
    }
    await catalog.write(() => catalog.variants.forget(path));
    this.#pruneAbove(path);
  }

  #takeIn(path: string): void {
    const found = this.#factsOf(path);
    if (!found) return;
    const { recipe, source, ...rest } = found;
    const fingerprint = { size: source.bytes, mtimeNs: '0', ino: null };
    this.#deps.catalog.variants.enter({ path, source: null, fingerprint, recipe: JSON.stringify(recipe), ...rest });
  }

  /** The worker puts a variant under its name only while its source is as ordered. */
  #finishIfThere({ path, fingerprint, replaces }: VariantOrder): void {
    const found = this.#factsOf(path);
    const isNew = found !== null && found.mtimeNs !== replaces && found.source.bytes === fingerprint.size;
    if (isNew) this.#deps.catalog.variants.finish(path, found);
  }

  /** The facts of an existing file; null when it is no variant. */
  #factsOf(path: string): FoundVariant | null {
    const report = isPlainFile(path) ? this.reportOf(path) : null;
    if (!report) return null;
    const { recipe, architecture, layers, source } = report;
    const { size, mtimeNs } = lstatSync(path, { bigint: true });
    const ratios = layers.flatMap(({ sqnr }) => sqnr ?? []);
    const facts = { architecture, leastSqnr: ratios.length > 0 ? Math.min(...ratios) : null, layers: layers.length };
    return { recipe, source, facts, bytes: Number(size), mtimeNs: String(mtimeNs) };
  }

  /** Removes empty folders, and the folder of all variants after the last one. */
  #pruneAbove(path: string): void {
    for (let folder = dirname(path); folder.startsWith(this.directory); folder = dirname(folder)) {
      try {
        rmdirSync(folder);
      } catch {
        return;
      }
    }
  }
}

/** Law 2: a folder, a link, or a file behind a link is not ours. */
function isPlainFile(path: string): boolean {
  try {
    return realpathSync(dirname(path)) === dirname(path) && lstatSync(path).isFile();
  } catch {
    return false;
  }
}
