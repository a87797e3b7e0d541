import { ChunkSet } from './chunk-set.ts';

/** Requests that one peer serves to this host at once. */
const requestsPerPeer = 2;
/** A peer that did not answer is left alone for this long, ms; then it may show that it only stumbled. */
const restAfterSilence = 1000;
/** A peer that sent a wrong byte, or was silent twice in a row, is out for this long, ms; doubled each time. */
const firstBan = 60_000;
const longestBan = 3_600_000;

/** A host of the farm, as another one that fetches a content sees it. */
export class Peer {
  readonly id: string;
  readonly has: ChunkSet;
  /** Requests of this host that the peer has not finished. */
  requests = 0;
  #silences = 0;
  #ban = firstBan;
  #outUntil = 0;
  #busyUntil = 0;

  constructor(id: string, chunks: number) {
    this.id = id;
    this.has = new ChunkSet(chunks);
  }

  /** Whether it has given nothing, or nothing good, before. */
  get hasMadeTrouble(): boolean {
    return this.#outUntil > 0;
  }

  /** It does not count as one that has anything. A busy peer does. */
  isOut(now: number): boolean {
    return now < this.#outUntil;
  }

  /** The moment from which it may be asked, ms. */
  get askableAt(): number {
    return Math.max(this.#outUntil, this.#busyUntil);
  }

  canTakeRequest(now: number): boolean {
    return this.requests < requestsPerPeer && now >= this.askableAt;
  }

  delivered(): void {
    this.#silences = 0;
  }

  /** It is full for the moment, and says when to come again. */
  refused(until: number): void {
    this.#busyUntil = until;
  }

  silent(now: number): void {
    // Requests that were under way at once are one silence.
    if (this.isOut(now)) return;
    this.#silences++;
    if (this.#silences >= 2) this.lied(now);
    else this.#outUntil = now + restAfterSilence;
  }

  lied(now: number): void {
    this.#silences = 0;
    this.#outUntil = now + this.#ban;
    this.#ban = Math.min(2 * this.#ban, longestBan);
  }
}
