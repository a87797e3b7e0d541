import type { Peer } from './peer.ts';

/** Time over which the pace of peers is measured, ms. */
const span = 5000;

export interface PeerRequest {
  peer: Peer;
  /** Whether bytes have come. */
  isGiving: boolean;
}

/** Measures how fast peers bring chunks together, and finds those that are slow. Paces are chunks per ms. */
export class PeerPace {
  #since = 0;
  /** The peers that were giving when the span began. */
  #giving: ReadonlySet<Peer> = new Set();
  /** Chunks that each has brought in the span. */
  readonly #brought = new Map<Peer, number>();
  /** Peers that were too slow together, and their pace in the last span. */
  readonly #slow = new Set<Peer>();
  #slowPace = 0;

  /** Whether some peer is slow, as of the last `look`. */
  get hasSlow(): boolean {
    return this.#slow.size > 0;
  }

  /** Records that bytes of a request have come. @param chunks their share of a chunk */
  brought(request: PeerRequest, chunks: number, now: number): void {
    request.isGiving = true;
    const { peer } = request;
    peer.heardAt = now;
    this.#brought.set(peer, (this.#brought.get(peer) ?? 0) + chunks);
  }

  /**
   * Marks the peers that were too slow together in the last span, until they are fast enough together.
   * @param requests the present ones: peers that are not giving say nothing about their pace
   * @param least pace below which they are too slow
   */
  look(requests: readonly PeerRequest[], least: number, now: number): void {
    const giving = new Set(requests.flatMap(({ peer, isGiving }) => (isGiving ? [peer] : [])));
    if (giving.size === 0 || this.#giving.size === 0) this.#begin(giving, now);
    else if (now - this.#since >= span) {
      const isSlow = this.#paceOf(this.#brought.keys(), now) < least;
      for (const peer of this.#giving) if (isSlow && giving.has(peer)) this.#slow.add(peer);
      this.#slowPace = this.#paceOf(this.#slow, now);
      this.#begin(giving, now);
    }
    const areSlow = this.#slowPace < least;
    for (const peer of this.#slow) peer.isSlow = areSlow;
    if (!areSlow) this.#slow.clear();
  }

  #paceOf(peers: Iterable<Peer>, now: number): number {
    let chunks = 0;
    for (const peer of peers) chunks += this.#brought.get(peer) ?? 0;
    return chunks / (now - this.#since);
  }

  #begin(giving: ReadonlySet<Peer>, now: number): void {
    this.#since = now;
    this.#giving = giving;
    this.#brought.clear();
  }
}
