import type { IncomingHttpHeaders } from 'node:http';
import { abandon } from '../remote/abandon.ts';
import type { ByteRange } from '../remote/object-store.ts';
import { RemoteFailure } from '../remote/remote-failure.ts';
import { bytesOf, type WholeFacts, wholeFacts } from './ranged-answer.ts';
import { placeOf, type WebAnswer, type WebClient } from './web-client.ts';

/** Maximum age of a remembered location, ms: signed addresses are valid for at least some minutes. */
const keptMs = 10 * 60_000;

/** The location of an address's bytes. */
interface Location {
  /** The address after all redirects. */
  url: URL;
  facts: WholeFacts;
  foundAt: number;
}

/** The expected object, which an answer must match. */
export interface Expected {
  size: number;
  /** Null = any. */
  etag: string | null;
  modified: string | null;
  /** Whether the headers of the redirects contradict the object. */
  isOther(hops: IncomingHttpHeaders[]): boolean;
}

/**
 * Reads ranges from addresses that redirect. Redirect targets are remembered for a while, and requested again when a target refuses:
 * signed addresses expire.
 */
export class WebLocations {
  readonly #client: WebClient;
  readonly #known = new Map<string, Location>();

  constructor(client: WebClient) {
    this.#client = client;
  }

  /** The facts of an address's object, from a request for its first byte. @throws RemoteFailure */
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
      // The address expired between the two requests, or is not known there yet.
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

/** An ETag without quotes and the sign of a weak one. */
export function bare(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
}

/** The conditions of a range request; a weak ETag is none. */
function conditionsOf({ etag, modified }: Pick<WholeFacts, 'etag' | 'modified'>): Record<string, string> {
  if (etag !== null && !etag.startsWith('W/')) return { 'if-match': etag };
  return modified === null ? {} : { 'if-unmodified-since': modified };
}

/** Whether a signed address has expired: S3 answers 403, others 401 or 400. */
function hasExpired({ status }: WebAnswer): boolean {
  return status === 400 || status === 401 || status === 403;
}
