import type { WarmAnswer, WarmItem, WarmRequest } from '../api/api.ts';
import { sentenceOf } from '../core/errors.ts';
import type { Priority } from '../core/types.ts';
import type { CopyInProgress, LookupOptions } from '../lookup/collaborators.ts';
import type { Lookup } from '../lookup/lookup.ts';
import { bounded } from '../runtime/deadline.ts';
import type { Log } from '../runtime/log.ts';
import type { PageCache } from './page-cache.ts';
import { answerOf, type Wanted, type Warmer } from './warmer.ts';

export interface MemoryWarmerDeps {
  warmer: Pick<Warmer, 'warm'>;
  lookup: Pick<Lookup, 'examine'>;
  planner: {
    readonly hasRam: boolean;
    /** Has the copies of a source and its companions copied into the RAM tier. */
    promote(path: string, priority: Priority): CopyInProgress[];
  };
  pageCache: PageCache;
  options: Pick<LookupOptions, 'waitMaxMs'>;
  log: Log;
}

const noTier = 'there is no RAM tier (AUTOCACHE_RAM_LIMIT)';

/**
 * Warms files like `Warmer`, and then brings their copies into memory: into the RAM tier, or, without one, into the page cache by
 * reading them once. With a RAM tier an item is ready when it is in that tier.
 */
export class MemoryWarmer {
  readonly #deps: MemoryWarmerDeps;

  constructor(deps: MemoryWarmerDeps) {
    this.#deps = deps;
  }

  /** @throws CacheError BAD_REQUEST for an invalid name */
  async warm(
    request: WarmRequest,
    models: readonly Wanted[] = [],
    waitMaxMs = this.#deps.options.waitMaxMs,
  ): Promise<WarmAnswer> {
    const { warmer, log } = this.#deps;
    const onDisk = await warmer.warm(request, models, waitMaxMs);
    const items = await Promise.all(onDisk.items.map((item) => (item.ready ? this.#bring(item, request, waitMaxMs) : item)));
    const isToFollow = onDisk.items.some(({ ready, job }) => !ready && job !== null);
    if (isToFollow && !request.wait && !request.check) {
      // The caller does not wait for the copies on the SSD, but they are still promoted into memory.
      this.warm({ ...request, wait: true }, models, Number.POSITIVE_INFINITY).catch((err) =>
        log.error({ err }, 'bringing copies into memory failed'),
      );
    }
    return answerOf(items);
  }

  async #bring(item: WarmItem, { wait = false, check = false }: WarmRequest, waitMaxMs: number): Promise<WarmItem> {
    const { planner, warmer } = this.#deps;
    if (item.tier === 'ram' || item.path === null) return item;
    if (!planner.hasRam) return check ? { ...item, message: noTier } : this.#readOnce(item, wait, waitMaxMs);
    if (check) return { ...item, ready: false, message: 'it is not in the RAM tier' };
    const jobs = planner.promote(item.path, 'warm');
    if (wait) await bounded(Promise.all(jobs.map(({ ended }) => ended)), waitMaxMs);
    const [now = item] = (await warmer.warm({ paths: [item.path], check: true })).items;
    const failed = jobs.map((job) => job.view()).find(({ error }) => error !== null);
    const job = failed ?? jobs.at(0)?.view() ?? null;
    if (now.tier === 'ram') return { ...now, item: item.item, job };
    const message = failed?.error?.message ?? (wait ? 'it is not finished yet' : null);
    return { ...now, item: item.item, ready: false, job, message };
  }

  async #readOnce(item: WarmItem, wait: boolean, waitMaxMs: number): Promise<WarmItem> {
    const { lookup, pageCache } = this.#deps;
    const found = await lookup.examine({ path: item.path ?? '', purpose: 'metadata', waitMs: 0, client: null });
    if (!found?.copy) return { ...item, ready: false, message: 'its copy has left meanwhile' };
    let failure: string | null = null;
    const reading = pageCache.warm(found.copy.path).catch((error) => {
      failure = sentenceOf(error);
    });
    if (wait) await bounded(reading, waitMaxMs);
    if (failure !== null) return { ...item, ready: false, message: failure };
    return { ...item, message: `${noTier}: its copy is read once, so that the page cache of the system holds it` };
  }
}
