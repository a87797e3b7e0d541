import type { WarmAnswer, WarmItem, WarmRequest } from '../api/api.ts';
import { messageOf } from '../core/errors.ts';
import type { CopyInProgress } from '../lookup/deps.ts';
import { bounded } from '../runtime/deadline.ts';
import type { Log } from '../runtime/log.ts';
import type { PageCache } from './page-cache.ts';
import { type Wanted, type WarmDeps, warm } from './warm.ts';

export interface WarmMemoryDeps extends WarmDeps {
  /** Has the copies of a source, and of what is opened beside it, copied into the RAM tier; null = there is none. */
  promote: ((path: string) => CopyInProgress[]) | null;
  pageCache: PageCache;
  log: Log;
}

/**
 * Like `warm`, and then brings the copies into memory: into the RAM tier, or, where there is none, into the page cache by reading
 * them once. With a RAM tier an item is ready when it lies there.
 */
export async function warmIntoMemory(
  deps: WarmMemoryDeps,
  request: WarmRequest,
  models: readonly Wanted[] = [],
): Promise<WarmAnswer> {
  const onDisk = await warm(deps, request, models);
  const items = await Promise.all(onDisk.items.map((item) => (item.ready ? bring(deps, item, request) : item)));
  const isToFollow = onDisk.items.some(({ ready, job }) => !ready && job !== null);
  if (isToFollow && !request.wait && !request.check) {
    // Nobody waits for the copies on the SSD, and they go on into memory all the same.
    const whenDone = { ...deps, waitMaxMs: Number.POSITIVE_INFINITY };
    warmIntoMemory(whenDone, { ...request, wait: true }, models).catch((err) =>
      deps.log.error({ err }, 'bringing copies into memory failed'),
    );
  }
  const ready = items.filter((item) => item.ready).length;
  return { items, ready, missing: items.length - ready };
}

async function bring(deps: WarmMemoryDeps, item: WarmItem, { wait = false, check = false }: WarmRequest): Promise<WarmItem> {
  if (item.tier === 'ram' || item.path === null) return item;
  if (!deps.promote) return check ? { ...item, message: noTier } : readOnce(deps, item, wait);
  if (check) return { ...item, ready: false, message: 'it is not in the RAM tier' };
  const jobs = deps.promote(item.path);
  if (wait) await bounded(Promise.all(jobs.map(({ ended }) => ended)), deps.waitMaxMs);
  const [now = item] = (await warm(deps, { paths: [item.path], check: true })).items;
  const failed = jobs.map((job) => job.view()).find(({ error }) => error !== null);
  const job = failed ?? jobs.at(0)?.view() ?? null;
  if (now.tier === 'ram') return { ...now, item: item.item, job };
  const message = failed?.error?.message ?? (wait ? 'it is not finished yet' : null);
  return { ...now, item: item.item, ready: false, job, message };
}

const noTier = 'there is no RAM tier (AUTOCACHE_RAM_LIMIT)';

async function readOnce({ lookup, pageCache, waitMaxMs }: WarmMemoryDeps, item: WarmItem, wait: boolean): Promise<WarmItem> {
  const found = await lookup.examine({ path: item.path ?? '', purpose: 'metadata', waitMs: 0, client: null });
  if (!found?.copy) return { ...item, ready: false, message: 'its copy has left meanwhile' };
  let failure: string | null = null;
  const reading = pageCache.warm(found.copy.path).catch((error) => {
    failure = messageOf(error);
  });
  if (wait) await bounded(reading, waitMaxMs);
  if (failure !== null) return { ...item, ready: false, message: failure };
  return { ...item, message: `${noTier}: its copy is read once, so that the page cache of the system holds it` };
}
