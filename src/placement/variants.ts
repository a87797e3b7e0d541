import { basename, relative, sep } from 'node:path';
import type {
  RemovedVariantAnswer,
  VariantLayer,
  VariantRequest,
  VariantStory,
  VariantsAnswer,
  VariantView,
} from '../api/variants.ts';
import type { VariantRow } from '../catalog/variants.ts';
import { CacheError } from '../core/errors.ts';
import { formName, type Recipe } from '../variants/recipe.ts';
import { worstFirst } from '../variants/report.ts';
import { VariantFolder, type VariantFolderDeps } from './variant-folder.ts';
import { VariantMaker, type VariantMakerDeps } from './variant-maker.ts';

export type VariantsDeps = VariantFolderDeps &
  Omit<VariantMakerDeps, 'folder'> & { sources: VariantFolderDeps['sources'] & VariantMakerDeps['sources'] };

/** Maximum number of layers in a `VariantStory`. */
const mostTold = 5;

/** Smaller models made on purpose: ordered, listed and removed by name, and never substituted for another model. */
export class Variants implements Disposable {
  readonly #deps: VariantsDeps;
  readonly #folder: VariantFolder;
  readonly #maker: VariantMaker;

  constructor(deps: VariantsDeps) {
    this.#deps = deps;
    this.#folder = new VariantFolder(deps);
    this.#maker = new VariantMaker({ ...deps, folder: this.#folder });
  }

  [Symbol.dispose](): void {
    this.#maker[Symbol.dispose]();
  }

  get directory(): string {
    return this.#folder.directory;
  }

  /** Makes rows and files agree, and resumes unfinished variants of the last run. */
  async begin(): Promise<void> {
    await this.#folder.settle();
    await this.#maker.resume();
  }

  /** To be called when the sources of a root answer again: makes the variants that wait for them. */
  rootIsBack(root: string): void {
    this.#maker.rootIsBack(root);
  }

  /** Has a variant made, unless it exists or is pending. @throws CacheError as `VariantMaker.make` */
  async make(request: VariantRequest): Promise<VariantView> {
    return this.#checked(await this.#maker.make(request));
  }

  async list(): Promise<VariantsAnswer> {
    const variants = await Promise.all(this.#paths().map((path) => this.#checked(path)));
    const { catalog, variantsLimit } = this.#deps;
    return { directory: this.directory, bytes: catalog.placements.variantBytes(), limit: variantsLimit(), variants };
  }

  /** The variants of a model, or the variant that the path is, for `explain`. */
  about(path: string): VariantStory[] {
    const views = this.#paths().map((variant) => this.#view(variant));
    return views
      .filter((view) => view.source === path || view.path === path)
      .map((view) => {
        const { name, category, state, bytes } = view;
        const layers = state === 'ready' ? this.#folder.reportOf(view.path)?.layers : undefined;
        return { path: view.path, name, category, state, bytes, worst: worstFirst(layers ?? []).slice(0, mostTold) };
      });
  }

  /** @param name its path, or the name by which loaders list it, with its category or without @throws CacheError NOT_FOUND, CORRUPT */
  async report(name: string): Promise<{ variant: VariantView; sha256: string; layers: VariantLayer[] }> {
    const path = this.#pathOf(name);
    const report = this.#rowOf(path) ? this.#folder.reportOf(path) : null;
    if (!report) throw new CacheError('NOT_FOUND', `${basename(path)} is not finished`, { hint: 'autocached variant list' });
    return { variant: await this.#checked(path), sha256: report.source.sha256, layers: worstFirst(report.layers) };
  }

  /** Removes a variant; a pending one is cancelled, and its former one stays. @throws CacheError NOT_FOUND, IN_USE */
  async remove(name: string): Promise<RemovedVariantAnswer> {
    const path = this.#pathOf(name);
    const { bytes } = this.#view(path);
    const [row, order] = [this.#rowOf(path), this.#deps.catalog.variants.order(path)];
    await this.#maker.cancel(path);
    if (row && order) return { path, bytes: order.bytes, formerStays: true };
    await this.#folder.remove(path);
    return { path, bytes, formerStays: false };
  }

  /** The paths of all existing, ordered and failed variants. */
  #paths(): string[] {
    const { variants } = this.#deps.catalog;
    const all = [...variants.all(), ...variants.orders(), ...this.#maker.failed().map(({ order }) => order)];
    return [...new Set(all.map(({ path }) => path))].toSorted();
  }

  #pathOf(name: string): string {
    const paths = this.#paths();
    if (paths.includes(name)) return name;
    const [path, ...others] = paths.filter((one) => {
      const rel = relative(this.directory, one).split(sep).join('/');
      return [rel, rel.slice(rel.indexOf('/') + 1), basename(one)].includes(name);
    });
    if (path === undefined)
      throw new CacheError('NOT_FOUND', `there is no variant ${name}`, { hint: 'autocached variant list' });
    if (others.length > 0)
      throw new CacheError('CONFLICT', `several variants are named ${name}`, { hint: 'give the category too' });
    return path;
  }

  #rowOf(path: string): VariantRow | undefined {
    return this.#deps.catalog.variants.byPath(path);
  }

  /** The view of a variant, checked against its present source. */
  async #checked(path: string): Promise<VariantView> {
    const view = this.#view(path);
    const row = this.#rowOf(path);
    const located = row?.source ? this.#deps.sources.locate(row.source) : null;
    if (view.state !== 'ready' || !row || !located) return view;
    const state = await this.#deps.sources.stat(located, 'command');
    if (state.state === 'missing') return { ...view, why: 'the model that it was made of is gone' };
    if (state.state !== 'present') return view;
    if (this.#folder.isOf(row, state.fingerprint)) return view;
    const { error } = this.#maker.standing(path);
    const why = error ? `the new one was not made: ${error.message}` : 'make it again';
    return { ...view, state: 'stale', why: `the model that it was made of has changed since: ${why}` };
  }

  /** The view of a variant; a remade one is pending, and its former one exists until then. */
  #view(path: string): VariantView {
    const [row, order] = [this.#rowOf(path), this.#deps.catalog.variants.order(path)];
    const { job, error } = this.#maker.standing(path);
    const told = order ?? row ?? this.#maker.failed().find((failed) => failed.order.path === path)?.order;
    if (!told) throw new CacheError('NOT_FOUND', `there is no variant ${path}`, { hint: 'autocached variant list' });
    const [category = '', ...rest] = relative(this.directory, path).split(sep);
    const onItsWay = job?.kind === 'derive' ? 'making' : 'waiting';
    const isThere = row ? 'ready' : 'failed';
    return {
      path,
      name: rest.join('/'),
      category,
      source: told.source,
      form: formName(JSON.parse(told.recipe) as Recipe),
      state: order ? onItsWay : isThere,
      why: row && !order ? null : (error?.message ?? null),
      bytes: (row?.bytes ?? 0) + (order?.bytes ?? 0),
      sourceBytes: told.fingerprint.size,
      architecture: row?.facts.architecture ?? null,
      leastSqnr: row?.facts.leastSqnr ?? null,
      layers: row?.facts.layers ?? null,
      createdAt: new Date(told.createdAt).toISOString(),
      job: job?.view() ?? null,
    };
  }
}
