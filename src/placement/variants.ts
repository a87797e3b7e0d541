import { basename, relative, sep } from 'node:path';
import type { VariantLayer, VariantRequest, VariantStory, VariantsAnswer, VariantView } from '../api/variants.ts';
import type { VariantRow } from '../catalog/variants.ts';
import { CacheError, toCacheError } from '../core/errors.ts';
import type { Medium, Mode, SourceFile, SourceState } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Job } from '../jobs/job.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { Architectures } from '../variants/architectures.ts';
import { headerRoom } from '../variants/layout.ts';
import { planVariant } from '../variants/plan.ts';
import { formName, type Recipe, variantName } from '../variants/recipe.ts';
import { worstFirst } from '../variants/report.ts';
import { parseSafetensors, safetensorsJsonSize } from '../weights/safetensors.ts';
import { VariantFolder, type VariantFolderDeps } from './variant-folder.ts';

interface Located extends Omit<SourceFile, 'fingerprint'> {
  medium: Medium;
}

export interface VariantsDeps extends VariantFolderDeps {
  tiers: Tiers;
  copier: Pick<Copier, 'request' | 'variantJob' | 'cancel'>;
  sources: VariantFolderDeps['sources'] & {
    locate(path: string): Located | null;
    candidates(category: string, name: string): Located[];
    stat(located: Located, askedBy: 'command'): Promise<SourceState>;
    /** The first bytes of a source. @throws CacheError */
    head(file: SourceFile, bytes: number): Promise<Uint8Array>;
  };
  mode(): Mode;
}

/** Most headers fit, so one read is enough, bytes. */
const firstBytes = 256 * 1024;
/** Failed ones that are still listed. */
const keepFailed = 20;
/** Layers in a story. */
const mostTold = 5;

/** Smaller models, made on purpose: asked for by name, listed under names of their own, removed by name, never put in another's place. */
export class Variants {
  readonly #deps: VariantsDeps;
  readonly #folder: VariantFolder;
  readonly #failed = new Map<string, { row: VariantRow; error: CacheError }>();
  /** Those whose source is being copied, and the copy's job. */
  readonly #waiting = new Map<string, Job | null>();

  constructor(deps: VariantsDeps) {
    this.#deps = deps;
    this.#folder = new VariantFolder(deps);
  }

  get directory(): string {
    return this.#folder.directory;
  }

  /** Makes rows and files agree, and goes on with what the last run did not finish. */
  async begin(): Promise<void> {
    await this.#folder.settle();
    for (const row of this.#deps.catalog.variants.all().filter(({ state }) => state !== 'ready')) {
      const recipe = JSON.parse(row.recipe) as Recipe;
      const { to, ...rest } = recipe;
      this.make({ model: row.source ?? '', ...(to && { to }), ...rest }).catch((error) => this.#fail(row, toCacheError(error)));
    }
  }

  /**
   * Has a variant made; one that is there or on its way is not made again.
   * @throws CacheError NOT_FOUND, BAD_REQUEST, CORRUPT for a model that no variant is made of; CONFLICT, NOT_ADMITTED, SOURCE_AWAY, …
   */
  async make({ model, to, fastMatmul = false, dropUnused = false }: VariantRequest): Promise<VariantView> {
    const recipe = { to: to ?? null, fastMatmul, dropUnused };
    if (this.#deps.mode() !== 'read-write')
      throw new CacheError('NOT_ADMITTED', `the cache is ${this.#deps.mode()}: nothing is made`);
    const file = await this.#located(model);
    const path = this.#folder.placeOf(file, variantName(basename(file.path), recipe));
    const known = this.#known(path, file);
    if (known) return known;
    const { expected, most, room } = await this.#foreseen(file, recipe);
    const meanwhile = this.#known(path, file);
    if (meanwhile) return meanwhile;
    // A stale one goes only for a model that a new one can be made of.
    if (this.#deps.catalog.variants.byPath(path)?.state === 'ready') await this.#folder.remove(path);
    this.#folder.assertFree(path);
    const { fingerprint } = file;
    const wanted = { path, source: file.path, fingerprint, recipe: JSON.stringify(recipe) };
    await this.#deps.catalog.write(() => this.#deps.catalog.variants.want(wanted));
    this.#failed.delete(path);
    this.#folder.show();
    this.#waiting.set(path, null);
    void this.#follow(file, { path, recipe, expected: room + expected, most: room + most });
    return this.#view({ ...wanted, state: 'wanted', bytes: 0, facts: null, createdAt: Date.now() });
  }

  /** The variant when it need not be made: it is there, or on its way. @throws CacheError CONFLICT when it is of another model */
  #known(path: string, { path: source, fingerprint }: SourceFile): VariantView | null {
    const row = this.#deps.catalog.variants.byPath(path);
    if (!row) return null;
    if (row.source !== null && row.source !== source) {
      throw new CacheError('CONFLICT', `${row.source} has a variant of that name already`, { hint: 'remove that one first' });
    }
    const isSame = row.fingerprint.size === fingerprint.size && row.fingerprint.mtimeNs === fingerprint.mtimeNs;
    const isThere = row.state === 'ready' && (isSame || row.source === null);
    return isThere || this.#isOnItsWay(path) ? this.#view(row) : null;
  }

  async list(): Promise<VariantsAnswer> {
    const rows = this.#deps.catalog.variants.all();
    const failed = [...this.#failed.values()].filter(({ row }) => rows.every(({ path }) => path !== row.path));
    const variants = await Promise.all([...rows, ...failed.map(({ row }) => row)].map((row) => this.#checked(row)));
    return { directory: this.directory, bytes: this.#deps.catalog.placements.variantBytes(), variants };
  }

  /** What is told of a model with its other facts: the variants made of it, or the one that it is. */
  about(path: string): VariantStory[] {
    const rows = this.#deps.catalog.variants.all().filter((row) => row.source === path || row.path === path);
    return rows.map((row) => {
      const { name, category, state, bytes } = this.#view(row);
      const layers = state === 'ready' ? this.#folder.reportOf(row.path)?.layers : undefined;
      return { path: row.path, name, category, state, bytes, worst: worstFirst(layers ?? []).slice(0, mostTold) };
    });
  }

  /** @param name its path, or the name by which loaders list it, with its category or without @throws CacheError NOT_FOUND, CORRUPT */
  async report(name: string): Promise<{ variant: VariantView; sha256: string; layers: VariantLayer[] }> {
    const row = this.#row(name);
    const report = row.state === 'ready' ? this.#folder.reportOf(row.path) : null;
    if (!report)
      throw new CacheError('NOT_FOUND', `${basename(row.path)} is not finished`, { hint: 'autocached variant list' });
    return { variant: await this.#checked(row), sha256: report.source.sha256, layers: worstFirst(report.layers) };
  }

  /** Removes a variant, or ends its making. @returns what became free @throws CacheError NOT_FOUND, IN_USE */
  async remove(name: string): Promise<{ path: string; bytes: number }> {
    const { path, bytes } = this.#row(name);
    const job = this.#deps.copier.variantJob(path);
    if (job) {
      this.#deps.copier.cancel(job.id);
      await job.ended;
    }
    this.#waiting.delete(path);
    this.#failed.delete(path);
    await this.#folder.remove(path);
    return { path, bytes };
  }

  #row(name: string): VariantRow {
    const { variants } = this.#deps.catalog;
    const exact = variants.byPath(name);
    if (exact) return exact;
    const named = [...variants.all(), ...[...this.#failed.values()].map(({ row }) => row)].filter(({ path }) => {
      const rel = relative(this.directory, path).split(sep).join('/');
      return [rel, rel.slice(rel.indexOf('/') + 1), basename(path)].includes(name);
    });
    const [row, ...others] = named;
    if (!row) throw new CacheError('NOT_FOUND', `there is no variant ${name}`, { hint: 'autocached variant list' });
    if (others.length > 0)
      throw new CacheError('CONFLICT', `several variants are named ${name}`, { hint: 'give the category too' });
    return row;
  }

  /** The first file of that name which is there. */
  async #located(model: string): Promise<Located & SourceFile> {
    const { sources } = this.#deps;
    const [category = '', ...rest] = model.split('/');
    const at = sources.locate(model);
    const isName = category !== '' && rest.length > 0;
    const named = isName ? sources.candidates(category, rest.join('/')) : [];
    const places = at ? [at] : named;
    let away: string | null = null;
    for (const located of places) {
      const state = await sources.stat(located, 'command');
      if (state.state === 'present') return { ...located, fingerprint: state.fingerprint };
      if ('why' in state) away ??= state.why;
    }
    if (away !== null) throw new CacheError('SOURCE_AWAY', away);
    if (places.length > 0) throw new CacheError('SOURCE_MISSING', `there is no ${model}`);
    throw new CacheError('NOT_FOUND', `${model} is not inside a configured model folder`, {
      hint: 'give its path, or category/name',
    });
  }

  /** Reads the header and plans: a model that no variant is made of is refused before anything is copied. */
  async #foreseen(file: SourceFile, recipe: Recipe): Promise<{ expected: number; most: number; room: number }> {
    const { size } = file.fingerprint;
    const { sources } = this.#deps;
    const start = await sources.head(file, Math.min(firstBytes, size));
    const jsonSize = safetensorsJsonSize(start, size);
    if (jsonSize === null) throw new CacheError('CORRUPT', `${file.path} does not begin as a safetensors file`);
    const whole = start.length >= 8 + jsonSize ? start : await sources.head(file, 8 + jsonSize);
    try {
      const header = parseSafetensors(whole.subarray(0, 8 + jsonSize), size);
      const plan = planVariant(header, recipe, new Architectures());
      return { ...plan, room: headerRoom(plan, header.metadata) };
    } catch (error) {
      const { code, message, hint } = toCacheError(error);
      throw new CacheError(code, `no variant of ${file.path}: ${message}`, { cause: error, ...(hint !== null && { hint }) });
    }
  }

  async #follow(file: SourceFile & Located, variant: Parameters<Copier['request']>[0]['variant'] & object): Promise<void> {
    const { catalog, copier, log } = this.#deps;
    try {
      await this.#copied(file, variant.path);
      if (!this.#waiting.delete(variant.path)) return;
      const job = copier.request({ file, medium: file.medium, priority: 'background', variant });
      await job.ended;
      if (job.state === 'done') log.info({ path: variant.path, source: file.path, bytes: job.stored }, 'variant made');
      else if (job.error) throw job.error;
    } catch (error) {
      const row = catalog.variants.byPath(variant.path);
      const { path, recipe } = variant;
      const { fingerprint } = file;
      const lost = { path, source: file.path, fingerprint, recipe: JSON.stringify(recipe), facts: null };
      await this.#fail(row ?? { ...lost, state: 'wanted', bytes: 0, createdAt: Date.now() }, toCacheError(error));
    }
  }

  /** A source on a slow disk is read once: by its copy. */
  async #copied(file: SourceFile & Located, variant: string): Promise<void> {
    const { catalog, tiers, copier } = this.#deps;
    const entry = catalog.entries.byPath(file.path);
    const plain = entry ? catalog.copies.readyOf(entry.id).filter(({ form }) => form === 'plain') : [];
    if (file.medium === 'ssd' || tiers.soundCopy(plain, file.fingerprint)) return;
    const job = copier.request({ file, medium: file.medium, priority: 'warm' });
    this.#waiting.set(variant, job);
    await job.ended;
    if (job.error) throw job.error;
  }

  async #fail(row: VariantRow, error: CacheError): Promise<void> {
    const { catalog, log } = this.#deps;
    const wasWanted = this.#waiting.delete(row.path) || error.code !== 'CANCELLED';
    log.warn({ path: row.path, code: error.code, why: error.message }, 'no variant made');
    await catalog.write(() => catalog.variants.forget(row.path)).catch(() => {});
    if (!wasWanted) return;
    this.#failed.set(row.path, { row, error });
    for (const oldest of this.#failed.keys()) if (this.#failed.size > keepFailed) this.#failed.delete(oldest);
  }

  #isOnItsWay(path: string): boolean {
    return this.#waiting.has(path) || this.#deps.copier.variantJob(path) !== undefined;
  }

  /** With what its source says now. */
  async #checked(row: VariantRow): Promise<VariantView> {
    const view = this.#view(row);
    const located = row.source === null ? null : this.#deps.sources.locate(row.source);
    if (view.state !== 'ready' || !located) return view;
    const state = await this.#deps.sources.stat(located, 'command');
    if (state.state === 'missing') return { ...view, why: 'the model that it was made of is gone' };
    if (state.state !== 'present') return view;
    const { size, mtimeNs } = state.fingerprint;
    if (size === row.fingerprint.size && mtimeNs === row.fingerprint.mtimeNs) return view;
    return { ...view, state: 'stale', why: 'the model that it was made of has changed since: make it again' };
  }

  #view(row: VariantRow): VariantView {
    const { path, source, fingerprint, bytes, facts, createdAt } = row;
    const failed = this.#failed.get(path);
    const job = this.#deps.copier.variantJob(path) ?? this.#waiting.get(path) ?? null;
    const [category = '', ...rest] = relative(this.directory, path).split(sep);
    const made = row.state === 'ready' ? 'ready' : job?.kind === 'derive' ? 'making' : 'waiting';
    return {
      path,
      name: rest.join('/'),
      category,
      source,
      form: formName(JSON.parse(row.recipe) as Recipe),
      state: failed ? 'failed' : made,
      why: failed?.error.message ?? null,
      bytes,
      sourceBytes: fingerprint.size,
      architecture: facts?.architecture ?? null,
      leastSqnr: facts?.leastSqnr ?? null,
      layers: facts?.layers ?? null,
      createdAt: new Date(createdAt).toISOString(),
      job: job?.view() ?? null,
    };
  }
}
