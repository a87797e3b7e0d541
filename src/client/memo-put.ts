import type { MemoPutAnswer } from '../api/memo.ts';
import { CacheError } from '../core/errors.ts';
import { JsonText } from './daemon-call.ts';
import type { KeepOptions } from './memo-options.ts';
import { orGiveBack } from './memo-stage.ts';
import { encode } from './memo-values.ts';
import type { MemoWire } from './memo-wire.ts';

/** Timeout for storing, ms: no caller waits for it for long, and a full disk is slow. */
const answerMs = 20_000;

/**
 * Puts a result, after its blobs.
 * @param question the fields that name it, as JSON without braces
 * @throws NotStorable, CacheError
 */
export async function putResult<T>(
  wire: MemoWire,
  question: string,
  { result, options, lease }: { result: T; options: KeepOptions<T>; lease: string | null },
): Promise<MemoPutAnswer> {
  const { ttl, stale, tags, deps, label, negative } = options;
  const about = {
    ttl: typeof ttl === 'function' ? ttl(result) : ttl,
    stale,
    tags,
    deps: deps?.map((path) => `file:${path}`),
    label,
    negative: negative?.(result),
  };
  const { fields, blobs, staged } = await encode(result, wire);
  await wire.upload(blobs);
  const put = (held: string | null) => {
    const body = new JsonText(`{${question},${fields},${JSON.stringify({ lease: held, ...about }).slice(1)}`);
    return wire.ask<MemoPutAnswer>('POST', '/api/memo/put', {
      body,
      answerMs: answerMs + (staged ? wire.storeMs(staged.size) : 0),
    });
  };
  const stored = put(lease).catch((error: unknown) => {
    // The daemon was restarted: it does not know the lease, but can store the result.
    if (lease !== null && error instanceof CacheError && error.code === 'LEASE_LOST') return put(null);
    throw error;
  });
  return orGiveBack(wire, staged, stored);
}
