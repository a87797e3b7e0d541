import type { IncomingHttpHeaders } from 'node:http';
import { abandon } from '../remote/abandon.ts';
import type { ByteRange } from '../remote/object-store.ts';
import { RemoteFailure } from '../remote/remote-failure.ts';
import { bytesOf, type WholeFacts, wholeFacts } from './ranged-answer.ts';
import { placeOf, type WebAnswer, type WebClient } from './web-client.ts';

/** Signed addresses hold for some minutes at least; an older one is asked for again, ms. */
const keptMs = 10 * 60_000;

/** Where the bytes of an address were found. */
interface Location {
  /** Behind all redirects. */
  url: URL;
  facts: WholeFacts;
  foundAt: number;
}

/** An object as its catalog knows it, and as an answer must be. */
export interface Expected {
  size: number;
  /** Null = the object that is found first. */
  etag: string | null;
  modified: string | null;
  /** Whether what the redirects say contradicts the object. */
  isOther(hops: IncomingHttpHeaders[]): boolean;
}

/**
 * Reads ranges from addresses that redirect. Where a redirect led is remembered for a while, and asked for again when that place
 * refuses: signed addresses expire.
 */
export class WebLocations {
  readonly #client: WebClient;
  readonly #known = new Map<string, Location>();

  constructor(client: WebClient) {
    this.#client = client;
  }

  /** What an address says of its object, from a request for its first byte. @throws RemoteFailure */
  async look(
    url: URL,
    signal: AbortSignal,
  ): Promise<WholeFacts & { headers: IncomingHttpHeaders; hops: IncomingHttpHeaders[] }> {
    const answer = await this.#client.send(url, { headers: { range: 'bytes=0-0' }, signal });
    abandon(answer.body);
    const facts = wholeFacts(answer);
    this.#note(url, answer, facts);
    return { ...facts, headers: answer.headers, hops: answer.hops };
  }

  /** The bytes of a range. @throws RemoteFailure */
  async read(url: URL, expected: Expected, range: ByteRange, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>> {
    const known = this.#known.get(url.href);
    if (known && known.url.href !== url.href && performance.now() - known.foundAt < keptMs) {
      const answer = await this.#ask(known.url, known.facts, range, signal);
      if (!hasExpired(answer)) return this.#taken(answer, known.facts, range, expected.size);
      abandon(answer.body);
      this.#known.delete(url.href);
    }
    const answer = await this.#ask(url, expected, range, signal);
    if (answer.hops.length > 0 && hasExpired(answer)) {
      abandon(answer.body);
      // It expired between the two, or is not known there yet.
      throw new RemoteFailure('broken', `${placeOf(answer.url)} refuses the address that ${url.origin} has signed`);
    }
    if (expected.isOther(answer.hops)) {
      abandon(answer.body);
      throw new RemoteFailure('changed', `${placeOf(url)} is another file`);
    }
    const bytes = this.#taken(answer, expected, range, expected.size);
    const { etag = null, 'last-modified': modified = null } = answer.headers;
    this.#note(url, answer, { size: expected.size, etag, modified });
    return bytes;
  }

  #ask(
    url: URL,
    pinned: Pick<WholeFacts, 'etag' | 'modified'>,
    { from, end }: ByteRange,
    signal: AbortSignal,
  ): Promise<WebAnswer> {
    return this.#client.send(url, { headers: { range: `bytes=${from}-${end - 1}`, ...conditionsOf(pinned) }, signal });
  }

  /** @throws RemoteFailure `changed` for an object that is not the pinned one: not every server heeds conditions */
  #taken(answer: WebAnswer, pinned: Pick<WholeFacts, 'etag' | 'modified'>, range: ByteRange, size: number) {
    const bytes = bytesOf(answer, range, size);
    const { etag, 'last-modified': modified } = answer.headers;
    const isSame =
      pinned.etag === null ? pinned.modified === null || pinned.modified === modified : bare(pinned.etag) === bare(etag ?? '');
    if (isSame) return bytes;
    abandon(answer.body);
    throw new RemoteFailure('changed', `${placeOf(answer.url)} changed while it was read`);
  }

  #note(url: URL, answer: WebAnswer, facts: WholeFacts): void {
    this.#known.set(url.href, { url: answer.url, facts, foundAt: performance.now() });
  }
}

/** Without quotes and the sign of a weak one. */
export function bare(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
}

/** A weak ETag is no condition for a range. */
function conditionsOf({ etag, modified }: Pick<WholeFacts, 'etag' | 'modified'>): Record<string, string> {
  if (etag !== null && !etag.startsWith('W/')) return { 'if-match': etag };
  return modified === null ? {} : { 'if-unmodified-since': modified };
}

/** S3 says 403, others 401 or 400. */
function hasExpired({ status }: WebAnswer): boolean {
  return status === 400 || status === 401 || status === 403;
}
