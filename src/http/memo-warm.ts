import type { MemoWarmItem } from '../api/memo.ts';
import { CacheError, messageOf } from '../core/errors.ts';
import type { Memo } from '../memo/memo.ts';
import type { Given } from '../memo/values.ts';
import type { Warm } from './memo-requests.ts';

/** Timeout for fetching a page or file, ms; an incomplete one is not stored. */
const fetchMs = 10 * 60_000;

/** Stores a missing result, and brings a present one into memory. */
export async function warmResult(memo: Memo, { url, given, ...request }: Warm, signal: AbortSignal): Promise<MemoWarmItem> {
  const { ns, key } = request;
  const state = memo.manage.warm(ns, key);
  if (state !== 'miss' || (given === null && url === null)) return { ns, key, state };
  try {
    const found = given ?? (await fetched(memo, url ?? '', signal));
    const { stored, reason } = await memo.put({ ...request, given: found });
    return { ns, key, state: stored ? 'stored' : 'miss', ...(reason && { reason }) };
  } catch (error) {
    // One failure does not prevent the others.
    if (url === null || signal.aborted) throw error;
    return { ns, key, state: 'miss', error: messageOf(error) };
  }
}

/** The body at an address, as a blob. Only a complete answer of success counts. @throws Error, CacheError */
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
    // A body that was read to its end, or broke off, has nothing to cancel.
    await body?.cancel().catch(() => {});
  }
}
