import { open } from 'node:fs/promises';
import { basename } from 'node:path';
import type { VariantRequest } from '../api/variants.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { VariantOrder } from '../catalog/variants.ts';
import { CacheError, type ErrorCode, toCacheError } from '../core/errors.ts';
import type { Copy, Fingerprint, Medium, Mode, SourceFile, SourceState } from '../core/types.ts';
import type { Copier } from '../jobs/copier.ts';
import { outageCodes } from '../jobs/failures.ts';
import type { Job } from '../jobs/job.ts';
import type { Variant } from '../jobs/plan.ts';
import type { Log } from '../runtime/log.ts';
import { assertVariantFits } from '../space/variant-room.ts';
import type { Tiers } from '../tiers/tiers.ts';
import { type Recipe, variantName } from '../variants/recipe.ts';
import { foreseeVariant, type ReadHead } from './foresee-variant.ts';
import { PostponedVariants } from './postponed-variants.ts';
import type { VariantFolder } from './variant-folder.ts';

export interface Located extends Omit<SourceFile, 'fingerprint'> {
  medium: Medium;
}

export interface VariantMakerDeps {
  catalog: Catalog;
  folder: VariantFolder;
  tiers: Tiers;
  copier: Pick<Copier, 'request' | 'variantJob' | 'cancel'>;
  sources: {
    locate(path: string): Located | null;
    candidates(category: string, name: string): Located[];
    stat(located: Located, askedBy: 'command'): Promise<SourceState>;
    head: ReadHead;
  };
  mode(): Mode;
  /** Maximum size of all variants, bytes. */
  variantsLimit(): number;
  log: Log;
}

/** An ordered variant, and why it was not made. */
export interface FailedVariant {
  order: Omit<VariantOrder, 'bytes' | 'replaces'>;
  error: CacheError;
}

/** Maximum number of remembered failures. */
const keepFailed = 20;
/** Transient failures: of the NAS, of the cache's disk, of a program that has the file open. */
const passing: ReadonlySet<ErrorCode> = new Set(['SOURCE_AWAY', 'CACHE_AWAY', 'IN_USE']);

/** Makes variants: from the request, through the copy of the model and a job, to the outcome. */
export class VariantMaker implements Disposable {
  readonly #deps: VariantMakerDeps;
  readonly #failed = new Map<string, FailedVariant>();
  /** Variants whose source is being copied, with the copy's job. */
  readonly #waiting = new Map<string, Job | null>();
  /** Expected size of each pending variant, bytes. */
  readonly #expected = new Map<string, number>();
  readonly #postponed = new PostponedVariants((path) => this.#retry(path));
  #hasEnded = false;

  constructor(deps: VariantMakerDeps) {
    this.#deps = deps;
  }

  /** Pending variants stay ordered for the next start. */
  [Symbol.dispose](): void {
    this.#hasEnded = true;
    this.#postponed[Symbol.dispose]();
  }

  /** Resumes unfinished variants of the last run, whose reservations are gone. */
  async resume(): Promise<void> {
    const { catalog, mode } = this.#deps;
    const orders = catalog.variants.orders().filter(({ path }) => !this.#isOnItsWay(path));
    await catalog.write(() => {
      for (const order of orders) catalog.variants.want(order);
    });
    if (mode() !== 'read-write') return;
    for (const order of orders) this.#again(order).catch((error) => this.#fail(order, toCacheError(error)));
  }

  /** To be called when the sources of a root answer again: makes the variants that wait for them. */
  rootIsBack(root: string): void {
    const { catalog, sources } = this.#deps;
    this.#postponed.retry((path) => sources.locate(catalog.variants.order(path)?.source ?? '')?.root === root);
  }

  #retry(path: string): void {
    const order = this.#deps.catalog.variants.order(path);
    const error = this.#postponed.errorOf(path);
    if (!order || !error) this.#postponed.drop(path);
    else if (this.#deps.mode() !== 'read-write') this.#postponed.put(path, error);
    else if (!this.#isOnItsWay(path)) this.#again(order).catch((thrown) => this.#fail(order, toCacheError(thrown)));
  }

  async #again({ path, source, recipe }: VariantOrder): Promise<void> {
    const { catalog } = this.#deps;
    const { to, ...rest } = JSON.parse(recipe) as Recipe;
    await this.make({ model: source, ...(to && { to }), ...rest });
    // The model may be the one of the former variant again, or have another category.
    if (!this.#isOnItsWay(path)) await catalog.write(() => catalog.variants.giveUp(path));
  }

  /**
   * Has a variant made, unless it exists or is pending. A former one stays until the new one is whole.
   * @returns its path
   * @throws CacheError NOT_FOUND, BAD_REQUEST, CORRUPT for a model without variants; TOO_LARGE, NO_SPACE beyond the limit of
   *   variants; CONFLICT, NOT_ADMITTED, SOURCE_AWAY, …
   */
  async make({ model, to, fastMatmul = false, dropUnused = false }: VariantRequest): Promise<string> {
    const { catalog, folder, mode } = this.#deps;
    const recipe = { to: to ?? null, fastMatmul, dropUnused };
    if (mode() !== 'read-write')
      throw new CacheError('NOT_ADMITTED', `the cache is ${mode()}: nothing is made`, { hint: 'autocached mode read-write' });
    const file = await this.#located(model);
    const path = folder.placeOf(file, variantName(basename(file.path), recipe));
    if (this.#needsNothing(path, file)) return path;
    const foreseen = await foreseeVariant(file, recipe, (of, bytes) => this.#head(of, bytes));
    if (this.#needsNothing(path, file)) return path;
    const replaces = folder.formerAt(path);
    assertVariantFits(this.#deps, { path, bytes: foreseen.expected }, this.#promised());
    const order = { path, source: file.path, fingerprint: file.fingerprint, recipe: JSON.stringify(recipe), replaces };
    await catalog.write(() => catalog.variants.want(order));
    this.#failed.delete(path);
    folder.show();
    this.#waiting.set(path, null);
    this.#expected.set(path, foreseen.expected);
    void this.#follow(file, { path, recipe, replaces, ...foreseen });
    return path;
  }

  /** The state of a pending variant: its job or its source's copy, and why it waits or the last attempt failed. */
  standing(path: string): { job: Job | null; error: CacheError | null } {
    const job = this.#deps.copier.variantJob(path) ?? this.#waiting.get(path) ?? null;
    const waits = job ? null : this.#postponed.errorOf(path);
    return { job, error: waits ?? this.#failed.get(path)?.error ?? null };
  }

  failed(): FailedVariant[] {
    return [...this.#failed.values()];
  }

  /** Cancels a pending variant, and forgets its failure. */
  async cancel(path: string): Promise<void> {
    const { catalog, copier } = this.#deps;
    const job = copier.variantJob(path);
    if (job) {
      copier.cancel(job.id);
      await job.ended;
    }
    this.#waiting.delete(path);
    this.#failed.delete(path);
    this.#postponed.drop(path);
    await catalog.write(() => catalog.variants.giveUp(path));
  }

  /** True when a variant exists or is pending. @throws CacheError CONFLICT when a variant of another model has its path */
  #needsNothing(path: string, { path: source, fingerprint }: SourceFile): boolean {
    const { variants } = this.#deps.catalog;
    const row = variants.byPath(path);
    const owner = variants.order(path)?.source ?? row?.source ?? source;
    if (owner !== source)
      throw new CacheError('CONFLICT', `${owner} has a variant of that name already`, { hint: 'remove that one first' });
    const isCurrent = row !== undefined && (row.source === null || this.#deps.folder.isOf(row, fingerprint));
    return (isCurrent && this.#deps.folder.has(path)) || this.#isOnItsWay(path);
  }

  /** Expected bytes of pending variants without a reservation. */
  #promised(): number {
    const { variants } = this.#deps.catalog;
    return [...this.#expected].reduce((sum, [path, bytes]) => sum + (variants.order(path)?.bytes === 0 ? bytes : 0), 0);
  }

  #isOnItsWay(path: string): boolean {
    return this.#waiting.has(path) || this.#deps.copier.variantJob(path) !== undefined;
  }

  /** The first file of that name that exists, or that does not answer and has a copy. */
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
      const known = state.state === 'away' || state.state === 'slow' ? this.#copyOf(located.path) : null;
      if (known) return { ...located, fingerprint: known.source };
      if ('why' in state) away ??= state.why;
    }
    if (away !== null)
      throw new CacheError('SOURCE_AWAY', away, {
        hint: 'Ask again when it answers. A model that has a copy needs no source.',
      });
    if (places.length > 0)
      throw new CacheError('SOURCE_MISSING', `there is no ${model}`, {
        hint: 'autocached list, or: autocached list --sources',
      });
    throw new CacheError('NOT_FOUND', `${model} is not inside a configured model folder`, {
      hint: 'give its path, or category/name',
    });
  }

  async #follow(file: SourceFile & Located, variant: Variant): Promise<void> {
    const { copier, log } = this.#deps;
    try {
      await this.#copied(file, variant.path);
      if (!this.#waiting.delete(variant.path)) return;
      const job = copier.request({ file, medium: file.medium, priority: 'background', variant });
      await job.ended;
      if (job.error) throw job.error;
      if (job.state !== 'done') return;
      this.#postponed.drop(variant.path);
      log.info({ path: variant.path, source: file.path, bytes: job.stored }, 'variant made');
    } catch (error) {
      const { path, recipe } = variant;
      const { path: source, fingerprint } = file;
      const order = { path, source, fingerprint, recipe: JSON.stringify(recipe), createdAt: Date.now() };
      await this.#fail(order, toCacheError(error));
    } finally {
      this.#expected.delete(variant.path);
    }
  }

  /** Has the source copied first: a source on a slow disk is read only once. */
  async #copied(file: SourceFile & Located, variant: string): Promise<void> {
    const { copier } = this.#deps;
    if (file.medium === 'ssd' || this.#copyOf(file.path, file.fingerprint)) return;
    const job = copier.request({ file, medium: file.medium, priority: 'warm' });
    this.#waiting.set(variant, job);
    await job.ended;
    if (job.error) throw job.error;
  }

  /** A copy that a variant can be made of, with this fingerprint or the last known one; null = none. */
  #copyOf(path: string, fingerprint?: Fingerprint): Copy | null {
    const { catalog, tiers } = this.#deps;
    const entry = catalog.entries.byPath(path);
    const plain = entry ? catalog.copies.readyOf(entry.id).filter(({ form }) => form === 'plain') : [];
    return entry ? tiers.soundCopy(plain, fingerprint ?? entry.fingerprint) : null;
  }

  /** The first bytes, read from a copy if possible: that is faster, and does not need the source. */
  async #head(file: SourceFile, bytes: number): Promise<Uint8Array> {
    const copy = this.#copyOf(file.path, file.fingerprint);
    return (copy && (await firstOf(copy.path, bytes))) ?? this.#deps.sources.head(file, bytes);
  }

  async #fail(order: FailedVariant['order'], error: CacheError): Promise<void> {
    const { catalog, log } = this.#deps;
    const wasWanted = this.#waiting.delete(order.path) || error.code !== 'CANCELLED';
    if (this.#hasEnded) return;
    if (wasWanted && (await this.#passes(order, error))) {
      log.info({ path: order.path, code: error.code, why: error.message }, 'variant waits');
      this.#postponed.put(order.path, error);
      return;
    }
    log.warn({ path: order.path, code: error.code, why: error.message }, 'no variant made');
    this.#postponed.drop(order.path);
    await catalog.write(() => catalog.variants.giveUp(order.path)).catch(() => {});
    if (!wasWanted) return;
    this.#failed.set(order.path, { order, error });
    for (const oldest of this.#failed.keys()) if (this.#failed.size > keepFailed) this.#failed.delete(oldest);
  }

  /** Whether an order can be filled later. A server that is going away also fails or refuses reads. */
  async #passes({ path, source }: FailedVariant['order'], { code }: CacheError): Promise<boolean> {
    const { catalog, sources } = this.#deps;
    if (!catalog.variants.order(path)) return false;
    const located = outageCodes.has(code) ? sources.locate(source) : null;
    return passing.has(code) || (located !== null && (await sources.stat(located, 'command')).state === 'away');
  }
}

/** The first bytes of a file; null where it cannot be read. */
async function firstOf(path: string, bytes: number): Promise<Uint8Array | null> {
  try {
    await using file = await open(path, 'r');
    const { buffer, bytesRead } = await file.read(new Uint8Array(bytes), 0, bytes, 0);
    return bytesRead === bytes ? buffer : null;
  } catch {
    return null;
  }
}
