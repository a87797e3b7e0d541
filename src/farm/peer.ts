import { ChunkSet } from './chunk-set.ts';

/** Maximum number of requests that one peer serves to this host at once. */
const requestsPerPeer = 2;
/** Pause after a peer's silence, ms; then it may show that it only stumbled. */
const restAfterSilence = 1000;
/** First exclusion of a peer that sent a wrong byte, or was silent twice in a row, ms; doubled each time. */
const firstBan = 60_000;
const longestBan = 3_600_000;

/** Another host of the farm as a source of chunks. */
export class Peer {
  readonly id: string;
  readonly has: ChunkSet;
  /** Requests of this host that the peer has not finished. */
  requests = 0;
  /** Whether it has let this host wait, and delivered nothing since. Its chunks may be asked for, and are read from the origin as well. */
  isDoubted = false;
  #silences = 0;
  #ban = firstBan;
  #outUntil = 0;
  #busyUntil = 0;

  constructor(id: string, chunks: number) {
    this.id = id;
    this.has = new ChunkSet(chunks);
  }

  /** Whether it has been silent or sent wrong bytes before. */
  get hasMadeTrouble(): boolean {
    return this.#outUntil > 0;
  }

  /** Whether its chunks do not count. Those of a busy peer do. */
  isOut(now: number): boolean {
    return now < this.#outUntil;
  }

  /** Earliest time for a request, ms. */
  get askableAt(): number {
    return Math.max(this.#outUntil, this.#busyUntil);
  }

  canTakeRequest(now: number): boolean {
    return this.requests < requestsPerPeer && now >= this.askableAt;
  }

  delivered(): void {
    this.isDoubted = false;
    this.#silences = 0;
  }

  /** Records that it is busy until then. */
  refused(until: number): void {
    this.#busyUntil = until;
  }

  silent(now: number): void {
    // Requests in flight at once count as one silence.
    if (this.isOut(now)) return;
    this.isDoubted = true;
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
