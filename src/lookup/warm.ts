import type { WarmAnswer, WarmItem, WarmRequest } from '../core/api.ts';
import { bounded } from '../core/bounded.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { CopyInProgress, Examination, Lookup, LookupDeps } from './lookup.ts';

export interface WarmDeps extends Pick<LookupDeps, 'requestCopy'> {
  lookup: Lookup;
  waitMaxMs: number;
}

interface Warming {
  item: WarmItem;
  job: CopyInProgress | null;
}

/**
 * Has copies made of files that are wanted soon, without counting as use. With `check` it only reports; a file counts as ready
 * when its copy's seal and its source's fingerprint hold, byte for byte the same size.
 */
export async function warm(deps: WarmDeps, request: WarmRequest): Promise<WarmAnswer> {
  const wanted = [
    ...(request.paths ?? []).map((path) => ({ item: path, ask: { path } })),
    ...(request.names ?? []).map((item) => ({ item, ask: splitName(item) })),
  ];
  const started = await Promise.all(wanted.map(({ item, ask }) => start(deps, item, ask, request.check === true)));
  if (request.wait) await bounded(Promise.all(started.map(({ job }) => job?.ended)), deps.waitMaxMs);
  const items = await Promise.all(
    started.map(({ item, job }, index) => (request.wait && job ? after(deps, item, wanted[index]?.ask ?? {}, job) : item)),
  );
  const ready = items.filter((item) => item.ready).length;
  return { items, ready, missing: items.length - ready };
}

type Ask = { path: string } | { category: string; name: string };

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

async function start(deps: WarmDeps, item: string, ask: Ask, check: boolean): Promise<Warming> {
  try {
    const examination = await deps.lookup.examine({ ...ask, purpose: 'load', waitMs: 0, client: null });
    if (!examination) return { item: bare(item, 'BYPASS_UNKNOWN_ROOT', 'it lies below no known root'), job: null };
    const job = check ? null : request(deps, examination);
    return { item: describe(item, examination, job), job };
  } catch (error) {
    return { item: bare(item, 'ERROR', messageOf(error)), job: null };
  }
}

function request({ requestCopy }: WarmDeps, { located, decision }: Examination): CopyInProgress | null {
  if (!decision.request) return null;
  const { path, root, rel, category, medium } = located;
  return requestCopy({ file: { path, root, rel, category, fingerprint: decision.request }, priority: 'warm', medium });
}

async function after(deps: WarmDeps, before: WarmItem, ask: Ask | object, job: CopyInProgress): Promise<WarmItem> {
  try {
    const examination = await deps.lookup.examine({ ...ask, purpose: 'load', waitMs: 0, client: null });
    if (!examination) return before;
    const item = describe(before.item, examination, job);
    return { ...item, message: item.ready ? null : (job.view().error?.message ?? 'it is not finished yet') };
  } catch (error) {
    return { ...before, reason: 'ERROR', message: messageOf(error) };
  }
}

function describe(item: string, { located, source, copy, decision }: Examination, job: CopyInProgress | null): WarmItem {
  const ready = decision.serve === 'copy';
  const size = ready && copy ? copy.source.size : source.state === 'present' ? source.fingerprint.size : null;
  const message = source.state === 'away' && !ready ? source.why : null;
  return { item, path: located.path, reason: decision.reason, ready, size, job: job?.view() ?? null, message };
}

function bare(item: string, reason: WarmItem['reason'], message: string): WarmItem {
  return { item, path: null, reason, ready: false, size: null, job: null, message };
}
