import type { MemoPutAnswer, MemoRefusal } from '../api/memo.ts';
import { InFlight } from '../runtime/in-flight.ts';
import { always } from './asker.ts';
import type { BlobExchange } from './blob-exchange.ts';
import type { Flights, Lease } from './flights.ts';
import type { PutRequest } from './put.ts';
import { resultName } from './result-name.ts';
import { mostUnhashed } from './staging.ts';
import type { Given, GivenFile } from './values.ts';

/** Bounds how far programs run ahead of the hashing, and how long others wait for it. */
const mostAtOnce = 2;

export interface ArrivingDeps {
  blobs: Pick<BlobExchange, 'take' | 'stagedSize'>;
  flights: Pick<Flights<unknown>, 'renew' | 'release'>;
  put(request: PutRequest<Given>): Promise<MemoPutAnswer>;
  /** A result that was answered as stored is not. */
  onRefused(one: OfKey, why: MemoRefusal | { error: unknown }): void;
}

type OfKey = Pick<PutRequest, 'ns' | 'key'>;

/**
 * Results in staged files. Hashing takes longer than writing, so the program is answered before the hash is known; requests for the key
 * wait for it. Nothing is served before it is hashed. A result that is refused later is a miss.
 */
export class Arriving {
  readonly #deps: ArrivingDeps;
  readonly #storing = new InFlight<string, MemoPutAnswer>();

  constructor(deps: ArrivingDeps) {
    this.#deps = deps;
  }

  /** Resolves when the result under way for a key is stored; undefined when there is none. Never rejects. */
  of(one: OfKey): Promise<unknown> | undefined {
    return this.#storing.get(resultName(one))?.catch(() => {});
  }

  /** The same for all keys. */
  all(): Promise<void> | undefined {
    return this.#storing.size === 0 ? undefined : this.#storing.settled();
  }

  /**
   * Stores a result; nothing else may be under way for its key.
   * @param isSure nothing but its hash decides whether it is stored @throws CacheError as `Staging.take` does, unless `isSure`
   */
  async put(
    { given: { staged, contentType }, ...request }: PutRequest<GivenFile>,
    { isSure, lease }: { isSure: boolean; lease: Lease | null },
  ): Promise<MemoPutAnswer> {
    const { blobs, flights, onRefused } = this.#deps;
    const { key } = request;
    const isSoon = (blobs.stagedSize(staged) ?? Number.POSITIVE_INFINITY) <= mostUnhashed && this.#storing.size < mostAtOnce;
    const storing = this.#storing.run(resultName(request), async () => {
      const blob = await blobs.take(staged, null);
      if (!blob) return { stored: false, reason: 'READ_ONLY', key };
      return this.#deps.put({ ...request, given: { blob: blob.sha256, contentType } });
    });
    if (!isSure || !isSoon) return storing;
    // The program may end now.
    if (lease) flights.renew(lease.id, () => always);
    storing.then(
      ({ reason }) => reason && onRefused(request, reason),
      (error: unknown) => {
        onRefused(request, { error });
        if (lease) flights.release(lease.id);
      },
    );
    return { stored: true, key };
  }
}
