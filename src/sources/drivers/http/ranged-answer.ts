import { abandon } from '../remote/abandon.ts';
import type { ByteRange } from '../remote/object-store.ts';
import { failureOfStatus, RemoteFailure } from '../remote/remote-failure.ts';
import { failureOf, placeOf, type WebAnswer } from './web-client.ts';

/** The facts of the whole object in an answer to a request for a range. */
export interface WholeFacts {
  /** Bytes. */
  size: number;
  /** As written, with its quotes; null = none. */
  etag: string | null;
  /** `Last-Modified` as written; null = none. */
  modified: string | null;
}

/** Reads the facts from an answer to a request for the first byte, without its body. @throws RemoteFailure */
export function wholeFacts({ status, headers, url }: WebAnswer): WholeFacts {
  const facts = { etag: headers.etag ?? null, modified: headers['last-modified'] ?? null };
  const [, total] = /^bytes (?:\d+-\d+|\*)\/(\d+)$/.exec(headers['content-range'] ?? '') ?? [];
  // An empty object has no first byte.
  if (status === 416 && total === '0') return { ...facts, size: 0 };
  const failure = failureOfStatus(status, placeOf(url), headers['retry-after'] ?? null);
  if (failure) throw failure;
  const size = status === 206 ? total : headers['content-length'];
  if (size === undefined) throw new RemoteFailure('unfit', `${placeOf(url)} does not tell its size`);
  return { ...facts, size: Number(size) };
}

/**
 * Checks that an answer holds this range of an object of this size, and gives its bytes.
 * @throws RemoteFailure `changed` for an object of another size, `unfit` where ranges are not served
 */
export function bytesOf(answer: WebAnswer, { from, end }: ByteRange, size: number): AsyncIterable<Uint8Array> {
  const { status, headers, url, body } = answer;
  const where = placeOf(url);
  try {
    const failure = status === 416 ? new RemoteFailure('changed', `${where} has become shorter`) : statusFailure(answer);
    if (failure) throw failure;
    if (headers['content-encoding'] !== undefined && headers['content-encoding'] !== 'identity')
      throw new RemoteFailure('unfit', `${where} compresses its answers`);
    if (status === 206) assertRange(headers['content-range'] ?? '', { from, end }, size, where);
    else if (from > 0 || end < size) throw new RemoteFailure('unfit', `${where} does not serve parts of a file`, { hint });
    const length = headers['content-length'];
    if (length !== undefined && Number(length) !== end - from)
      throw new RemoteFailure('broken', `${where} sends another length`);
    return bodyOf(answer);
  } catch (error) {
    abandon(body);
    throw error;
  }
}

const hint = 'Its server must support range requests, as nginx, Apache, Caddy and every object store do.';

function statusFailure({ status, headers, url }: WebAnswer): RemoteFailure | null {
  return failureOfStatus(status, placeOf(url), headers['retry-after'] ?? null);
}

function assertRange(given: string, { from, end }: ByteRange, size: number, where: string): void {
  const [, first, last, total] = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(given) ?? [];
  if (total !== undefined && Number(total) !== size) throw new RemoteFailure('changed', `${where} has another size`);
  if (Number(first) !== from || Number(last) !== end - 1) throw new RemoteFailure('broken', `${where} sends another part`);
}

async function* bodyOf({ body, url }: WebAnswer): AsyncGenerator<Uint8Array> {
  try {
    yield* body as AsyncIterable<Uint8Array>;
  } catch (error) {
    throw failureOf(error, url);
  } finally {
    abandon(body);
  }
}
