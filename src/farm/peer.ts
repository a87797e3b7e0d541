import { ChunkSet } from './chunk-set.ts';

/** Maximum number of requests that one peer serves to this host at once. */
const requestsPerPeer = 2;
/** Pause after a peer's silence, ms; then it may show that it only stumbled. */
const restAfterSilence = 1000;
/** First exclusion of a peer that sent a wrong byte, or was silent twice in a row, ms; doubled each time. */
const firstBan = 60_000;
const longestBan = 3_600_000;

/** Outcome of a request to a peer. `gone` = it does not have the chunks any more; `refused` = it is busy until `until`. */
export type RequestEnd = { is: 'served' | 'gone' | 'silent' | 'lied' } | { is: 'refused'; until: number };

/** Another host of the farm as a source of chunks. */
export class Peer {
  readonly id: string;
  readonly has: ChunkSet;
  /** Requests of this host that the peer has not finished. */
  requests = 0;
  /** Whether it has let this host wait, and delivered nothing since. Its chunks may be asked for, and are read from the origin as well. */
  isDoubted = false;
  /** Whether it is one of those that bring far less together than the origin would, which is read beside them. */
  isSlow = false;
  /** Whether it has answered when it was asked last what it has; null = it has not been asked, or not answered yet. */
  answers: boolean | null = null;
  /** Whether it fetches, and claims what no host has from the directory, which does not answer this host. */
  claims = false;
  /** The last time at which bytes of it came, ms. */
  heardAt = Number.NEGATIVE_INFINITY;
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

  /** Whether its chunks need not be read from the origin. */
  get isReliedOn(): boolean {
    return !this.isDoubted && !this.isSlow && this.answers !== false;
  }

  /** Whether it may read parts of the origin itself: it was not left out, and has not everything. */
  get mayFetch(): boolean {
    return !this.has.isFull && (this.answers ?? !(this.hasMadeTrouble && this.has.size === 0));
  }

  canTakeRequest(now: number): boolean {
    return this.requests < requestsPerPeer && now >= this.askableAt && this.answers !== false;
  }

  delivered(): void {
    this.isDoubted = false;
    this.#silences = 0;
  }

  /** Records the end of a request. */
  ended(how: RequestEnd, now: number): void {
    this.requests--;
    if (how.is === 'silent') this.silent(now);
    if (how.is === 'lied') this.#lied(now);
    if (how.is === 'refused') this.#busyUntil = how.until;
  }

  silent(now: number): void {
    // Requests in flight at once count as one silence.
    if (this.isOut(now)) return;
    this.isDoubted = true;
    this.#silences++;
    if (this.#silences >= 2) this.#lied(now);
    else this.#outUntil = now + restAfterSilence;
  }

  #lied(now: number): void {
    this.#silences = 0;
    this.#outUntil = now + this.#ban;
    this.#ban = Math.min(2 * this.#ban, longestBan);
  }
}

/** The power of two choices (Mitzenmacher 2001): almost as even as asking all, without all hosts asking the same one. */
export function lessLoaded(peers: readonly Peer[], random: () => number): Peer | null {
  const pick = () => peers[Math.floor(random() * peers.length)] ?? null;
  const [one, other] = [pick(), pick()];
  if (one === null || other === null) return one;
  return one.requests <= other.requests ? one : other;
}
