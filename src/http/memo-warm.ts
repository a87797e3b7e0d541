import type { MemoWarmItem } from '../api/memo.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Memo } from '../memo/memo.ts';
import type { Given } from '../memo/values.ts';
import type { Warm } from './memo-requests.ts';

/** A page or file that has not come whole by then is not stored, ms. */
const fetchMs = 10 * 60_000;

/** Stores a result that is missing, and brings one that is here into memory. */
export async function warmResult(memo: Memo, { url, given, ...request }: Warm, signal: AbortSignal): Promise<MemoWarmItem> {
  const { ns, key } = request;
  const state = memo.manage.warm(ns, key);
  if (state !== 'miss' || (given === null && url === null)) return { ns, key, state };
  try {
    const found = given ?? (await fetched(memo, url ?? '', signal));
    const { stored, reason } = await memo.put({ ...request, given: found });
    return { ns, key, state: stored ? 'stored' : 'miss', ...(reason && { reason }) };
  } catch (error) {
    // One that cannot be had is no reason to leave out the others.
    if (url === null || signal.aborted) throw error;
    return { ns, key, state: 'miss', error: messageOf(error) };
  }
}

/** What is at an address, as a blob. Only a whole answer of success is one. @throws Error, CacheError */
async function fetched({ blobs }: Memo, url: string, signal: AbortSignal): Promise<Given> {
  const ends = AbortSignal.any([signal, AbortSignal.timeout(fetchMs)]);
  const response = await fetch(url, { signal: ends }).catch((error: Error) => {
    throw new Error(`${url}: ${messageOf(error.cause ?? error)}`);
  });
  const { headers, body, ok, status } = response;
  try {
    if (!ok || status === 206) throw new Error(`${url} answered ${status}`);
    // The length of an encoded answer is not that of its bytes.
    const length = headers.has('content-encoding') ? null : headers.get('content-length');
    const blob = await blobs.store({ bytes: body ?? [], size: length === null ? null : Number(length), sha256: null });
    if (!blob) throw new CacheError('CONFLICT', 'nothing is stored now');
    return { blob: blob.sha256, contentType: headers.get('content-type')?.slice(0, 200) };
  } finally {
    // What was read to its end, or broke off, has nothing to cancel.
    await body?.cancel().catch(() => {});
  }
}
