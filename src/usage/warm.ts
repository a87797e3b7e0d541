import type { WarmAnswer, WarmItem, WarmRequest } from '../api/api.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Priority } from '../core/types.ts';
import type { CopyInProgress, Examination, LookupDeps } from '../lookup/deps.ts';
import type { Lookup } from '../lookup/lookup.ts';
import { bounded } from '../runtime/deadline.ts';

export interface WarmDeps extends Pick<LookupDeps, 'requestCopy'> {
  lookup: Lookup;
  waitMaxMs: number;
}

/** A file that is wanted: as the asker calls it, and how lookups find it. */
export interface Wanted {
  item: string;
  ask: { path: string } | { category: string; name: string };
}

interface WarmOptions extends Pick<WarmRequest, 'wait' | 'check'> {
  priority?: Priority;
}

/**
 * Has copies made of files that are wanted soon, without counting as use. With `check` it only reports; a file counts as ready
 * when its copy's seal and its source's fingerprint hold, byte for byte the same size.
 * @param models files that a workflow loads, besides the paths and names of the request
 */
export async function warm(deps: WarmDeps, request: WarmRequest, models: readonly Wanted[] = []): Promise<WarmAnswer> {
  const wanted = [
    ...(request.paths ?? []).map((path) => ({ item: path, ask: { path } })),
    ...(request.names ?? []).map((item) => ({ item, ask: splitName(item) })),
    ...models,
  ];
  const items = await warmEach(deps, wanted, request);
  const ready = items.filter((item) => item.ready).length;
  return { items, ready, missing: items.length - ready };
}

/** The same for files that are named already. Their copies are queued in the given order, whichever source answers first. */
export async function warmEach(deps: WarmDeps, wanted: readonly Wanted[], options: WarmOptions): Promise<WarmItem[]> {
  const { wait = false, check = false, priority = 'warm' } = options;
  const examined = await Promise.all(wanted.map((one) => examine(deps, one)));
  const jobs = examined.map(({ found }) => (check || !found ? null : request(deps, found, priority)));
  if (wait) await bounded(Promise.all(jobs.map((job) => job?.ended)), deps.waitMaxMs);
  return Promise.all(
    wanted.map((one, index) => {
      const job = jobs[index] ?? null;
      const { found, item } = examined[index] ?? bare(one.item, 'ERROR', 'it was not looked at');
      if (wait && job) return after(deps, one, job);
      return found ? describe(one.item, found, job) : item;
    }),
  );
}

/** `category/name` or `category:name`. @throws CacheError BAD_REQUEST */
export function splitName(text: string): { category: string; name: string } {
  const [, category, name] = /^([^/\\:]+)[/\\:](.+)$/.exec(text) ?? [];
  if (category === undefined || name === undefined) {
    throw new CacheError('BAD_REQUEST', `"${text}" is not a name`, {
      hint: 'Write category/name, such as checkpoints/a.safetensors.',
    });
  }
  return { category, name };
}

interface Examined {
  found: Examination | null;
  /** What to say of it when nothing was found. */
  item: WarmItem;
}

async function examine({ lookup }: WarmDeps, { item, ask }: Wanted): Promise<Examined> {
  try {
    const found = await lookup.examine({ ...ask, purpose: 'load', waitMs: 0, client: null });
    return { ...bare(item, 'BYPASS_UNKNOWN_ROOT', 'it lies below no known root'), found };
  } catch (error) {
    return bare(item, 'ERROR', messageOf(error));
  }
}

function request({ requestCopy }: WarmDeps, { located, decision }: Examination, priority: Priority): CopyInProgress | null {
  if (!decision.request) return null;
  const { path, root, rel, category, medium } = located;
  return requestCopy({ file: { path, root, rel, category, fingerprint: decision.request }, priority, medium });
}

async function after(deps: WarmDeps, wanted: Wanted, job: CopyInProgress): Promise<WarmItem> {
  const { found, item } = await examine(deps, wanted);
  if (!found) return item;
  const now = describe(wanted.item, found, job);
  return { ...now, message: now.ready ? null : (job.view().error?.message ?? 'it is not finished yet') };
}

function describe(item: string, { located, entry, source, copy, decision }: Examination, job: CopyInProgress | null): WarmItem {
  const ready = decision.serve === 'copy';
  const size = ready && copy ? copy.source.size : source.state === 'present' ? source.fingerprint.size : null;
  const message = source.state === 'away' && !ready ? source.why : null;
  const tier = ready && copy ? copy.tier : located.medium;
  const { path } = located;
  const pinned = entry?.pinned ?? false;
  return { item, path, tier, reason: decision.reason, ready, pinned, size, job: job?.view() ?? null, message };
}

function bare(item: string, reason: WarmItem['reason'], message: string): Examined {
  return {
    found: null,
    item: { item, path: null, tier: null, reason, ready: false, pinned: false, size: null, job: null, message },
  };
}
