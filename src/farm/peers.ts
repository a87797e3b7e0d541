import type { ChunkSet } from './chunk-set.ts';
import type { Run } from './directory.ts';
import { Peer } from './peer.ts';

/** The peers that have chunks of a content, and for each chunk the number of usable peers that have it. */
export class Peers {
  readonly #chunks: number;
  readonly #peers = new Map<string, Peer>();
  /** The peers that `holdersOf` counts. */
  #usable: Peer[] = [];
  readonly #holders: Uint16Array;

  constructor(chunks: number) {
    this.#chunks = chunks;
    this.#holders = new Uint16Array(chunks);
  }

  /** Peers that are not out, as of the last `look`. */
  get usable(): readonly Peer[] {
    return this.#usable;
  }

  /** Number of hosts that fetch: this one, and the usable peers that have a part. */
  get fetching(): number {
    return 1 + this.#usable.filter(({ has }) => has.size > 0 && !has.isFull).length;
  }

  /**
   * Names of usable peers that read parts of the origin themselves: all that may, or those that were heard of.
   * @returns null when one of them claims what no host has, and so reads all of it
   */
  fellows(which: 'possible' | 'heard'): string[] | null {
    if (this.areClaiming) return null;
    const fellows = this.#usable.filter((peer) => peer.mayFetch && (which === 'possible' || peer.answers === true));
    return fellows.map(({ id }) => id);
  }

  /** The number of usable peers that have a chunk. */
  holdersOf(chunk: number): number {
    return this.#holders[chunk] ?? 0;
  }

  /** Whether usable peers have all of these chunks, relied on or not. */
  haveAll(chunks: readonly number[]): boolean {
    return chunks.every((chunk) => this.holdersOf(chunk) > 0);
  }

  /** Whether a usable peer has the chunk that is relied on. */
  isHeld(chunk: number): boolean {
    return this.holdersOf(chunk) > 0 && this.#usable.some((peer) => peer.isReliedOn && peer.has.has(chunk));
  }

  /** Updates which peers are out at this moment. */
  look(now: number): void {
    const before = new Set(this.#usable);
    const usable = [...this.#peers.values()].filter((peer) => !peer.isOut(now));
    for (const peer of usable) if (!before.delete(peer)) this.#count(peer, 1);
    for (const peer of before) this.#count(peer, -1);
    this.#usable = usable;
  }

  /** Adds chunks of a peer. @returns those that are new */
  has(id: string, chunks: Iterable<number>): number[] {
    const peer = this.#peers.get(id) ?? new Peer(id, this.#chunks);
    this.#peers.set(id, peer);
    const news = [...chunks].filter((chunk) => peer.has.add(chunk));
    if (this.#usable.includes(peer)) for (const chunk of news) this.#holders[chunk] = this.holdersOf(chunk) + 1;
    return news;
  }

  /** Whether a peer that was heard of claims what no host has. */
  get areClaiming(): boolean {
    return this.#usable.some((peer) => peer.claims && peer.answers === true);
  }

  /**
   * Records that a peer answers when it is asked what it has, or that it has not done so since `asked`, ms.
   * @param claims whether it claims what no host has
   */
  answers(id: string, doesAnswer: boolean, asked: number, claims: boolean): void {
    const peer = this.#peers.get(id);
    if (!peer || (!doesAnswer && peer.heardAt >= asked)) return;
    peer.answers = doesAnswer;
    peer.claims = claims;
  }

  /** Forgets which peers answer: the directory tells again what they have. */
  forgetAnswers(): void {
    for (const peer of this.#peers.values()) peer.answers = null;
  }

  /** Removes chunks of a peer whose copy has left. */
  hasNot(peer: Peer, { from, to }: Run): void {
    for (let chunk = from; chunk < to; chunk++) {
      if (peer.has.delete(chunk) && this.#usable.includes(peer)) this.#holders[chunk] = this.holdersOf(chunk) - 1;
    }
  }

  /** Removes a peer that left or is not listed. A record of trouble is kept, since it may return. */
  remove(id: string): void {
    const peer = this.#peers.get(id);
    if (peer === undefined) return;
    if (peer.hasMadeTrouble) {
      this.hasNot(peer, { from: 0, to: this.#chunks });
      return;
    }
    this.#peers.delete(id);
    if (this.#usable.includes(peer)) this.#count(peer, -1);
    this.#usable = this.#usable.filter((one) => one !== peer);
  }

  /** Peers that announced one of the chunks, and are out or not relied on. */
  failingWith(chunks: readonly number[], now: number): string[] {
    const failing = [...this.#peers.values()].filter((peer) => peer.isOut(now) || !peer.isReliedOn);
    return failing.filter((peer) => chunks.some((chunk) => peer.has.has(chunk))).map((peer) => peer.id);
  }

  /** The first time after `now` at which a peer may be asked again, ms; Infinity without one. */
  nextAskable(now: number): number {
    return Math.min(...[...this.#peers.values()].map((peer) => peer.askableAt).filter((at) => at > now));
  }

  #count({ has }: { has: ChunkSet }, by: 1 | -1): void {
    for (const chunk of has) this.#holders[chunk] = this.holdersOf(chunk) + by;
  }
}
