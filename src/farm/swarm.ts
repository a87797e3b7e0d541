import { ChunkSet } from './chunk-set.ts';
import type { ClaimAnswer, Run } from './directory.ts';
import { longestClaim, OriginPace } from './origin-pace.ts';
import { OwnShare } from './own-share.ts';
import { lessLoaded, type Peer, type RequestEnd } from './peer.ts';
import { PeerPace, type PeerRequest } from './peer-pace.ts';
import { Peers } from './peers.ts';

/** Maximum number of requests to peers in flight. */
const requestsInAll = 6;
/** Maximum number of chunks in a request to a peer. */
const chunksPerRequest = 4;
/** Number of remaining chunks from which each is asked of two peers, so that the last one does not wait for the slowest. */
const endgame = 3;
/** Time without a byte after which chunks that no peer delivers are read from the origin, ms. */
const starved = 500;
/** The same where others claim them, as long as a claim of a host that died stays. */
const starvedOfClaims = 1500;
/** Time without a byte after which the asked peers are doubted, ms: a host in need does not wait until their requests fail. */
const doubtful = 1000;
/** Pause after the directory had nothing to claim, or no slot, ms. */
const claimAgain = 250;

/** Next action of a host for a content that it fetches. */
export type Action =
  | { is: 'ask'; request: number; peer: string; run: Run }
  | { is: 'claim'; length: number }
  | { is: 'lost'; chunks: number[]; without: string[] }
  /** Reads from the origin without a claim: the directory is away. */
  | { is: 'read'; run: Run };

type Request = PeerRequest & { run: Run };

interface SwarmStart {
  now: number;
  /** A number from 0 to 1, as from `Math.random`. */
  random(): number;
  has?: ChunkSet;
  /** This host, as the others know it. */
  host?: string;
  /** Time in which the origin gave this host a chunk in former copies, ms. */
  originChunkTime?: number | undefined;
}

/**
 * Plans how one host gets a content: the rarest chunk first, from the less loaded of two peers; chunks that no peer has, from the origin
 * under a claim. Pure: the caller performs the actions, and reports their outcome. Times are ms of a monotonic clock.
 */
export class Swarm {
  readonly has: ChunkSet;
  /** Number of fetching hosts over those that one host hears of: each asks that much less often. */
  crowd = 1;
  readonly #random: () => number;
  readonly #peers: Peers;
  /** Number of requests and runs of this host that will bring the chunk. */
  readonly #coming: Uint8Array;
  readonly #requests = new Map<number, Request>();
  readonly #pace = new PeerPace();
  readonly #origin: OriginPace;
  #lastRequest = 0;
  /** Runs being read from the origin here, in order. */
  #runs: Run[] = [];
  #claiming = false;
  #claimAt = 0;
  #directoryAway = false;
  /** Whether no peer has brought a byte since it starved: further chunks are read without waiting for that again. */
  #isDeserted = false;
  readonly #share: OwnShare;
  #progressAt: number;

  constructor(chunks: number, { now, random, has = new ChunkSet(chunks), host = '', originChunkTime }: SwarmStart) {
    this.#share = new OwnShare(host, chunks);
    this.#origin = new OriginPace(originChunkTime);
    this.has = has;
    this.#random = random;
    this.#peers = new Peers(chunks);
    this.#coming = new Uint8Array(chunks);
    this.#progressAt = now;
  }

  /** Missing chunks of which a claim may be: those neither requested nor being read, else those requested of slow peers. */
  get lacks(): ChunkSet {
    const lacks = new ChunkSet(this.has.chunks);
    for (const chunk of this.#open()) lacks.add(chunk);
    return lacks;
  }

  /** Actions to begin now, in this order; each is begun once. */
  next(now: number): Action[] {
    if (this.has.isFull) return [];
    this.#peers.look(now);
    const actions: Action[] = [...this.#ask(now)];
    if (now - this.#progressAt >= doubtful * this.crowd) for (const { peer } of this.#requests.values()) peer.isDoubted = true;
    this.#pace.look([...this.#requests.values()], this.#origin.least(this.crowd, this.#peers.fetching), now);
    const unheld = this.#unheld();
    if (unheld.length === 0) return actions;
    if (this.#directoryAway) {
      const run = this.#runs.length === 0 && now >= this.#claimAt ? this.#read(unheld, now) : null;
      return run === null ? actions : [...actions, { is: 'read', run }];
    }
    if (this.#isStarved(now)) {
      this.#progressAt = now;
      this.#claimAt = now;
      this.#isDeserted = true;
    }
    if (this.#mayClaim(now)) {
      // Undelivered chunks are claimed in the same step, since their holders keep announcing them.
      const chunks = unheld.slice(0, this.#isDeserted ? longestClaim : this.#origin.claimLength);
      const areLost = this.#isDeserted || (this.#pace.hasSlow && this.#peers.haveAll(unheld));
      if (areLost) actions.push({ is: 'lost', chunks, without: this.#peers.failingWith(chunks, now) });
      this.#claiming = true;
      actions.push({ is: 'claim', length: this.#origin.claimLength });
    }
    return actions;
  }

  /** The time at which `next` should be called if nothing happens before, ms; Infinity when the content is whole. */
  wakeAt(now: number): number {
    if (this.has.isFull) return Number.POSITIVE_INFINITY;
    const starves = this.#progressAt + starved * this.crowd;
    const moments = [this.#peers.nextAskable(now), this.#claimAt, starves].filter((at) => at > now);
    return Math.min(...moments, now + starved);
  }

  peerHas(id: string, chunks: Iterable<number>, now: number): void {
    if (this.#peers.has(id, chunks).some((chunk) => !this.has.has(chunk))) this.#progressAt = now;
  }

  /** Records whether a peer has answered that was asked at `asked` what it has, and if it claims the rest, while the directory is away. */
  peerAnswers(id: string, doesAnswer: boolean, asked: number, claims = false): void {
    if (this.#directoryAway) this.#peers.answers(id, doesAnswer, asked, claims);
  }

  /** Removes a peer that left, or was not heard of for too long. Requests to it still end by themselves. */
  peerGone(id: string): void {
    this.#peers.remove(id);
  }

  /** Records that bytes have come from the origin, or for a request to a peer. @param part their share of a chunk */
  heard(now: number, request = 0, part = 0): void {
    this.#progressAt = now;
    const asked = this.#requests.get(request);
    this.#isDeserted &&= asked === undefined;
    if (asked) this.#pace.brought(asked, part, now);
  }

  /** Records a chunk from a peer with the right hash. */
  received(request: number, chunk: number, now: number): void {
    this.#requests.get(request)?.peer.delivered();
    this.#gained(chunk, now);
  }

  ended(request: number, how: RequestEnd, now: number): void {
    const asked = this.#requests.get(request);
    if (asked === undefined) return;
    this.#requests.delete(request);
    asked.peer.ended(how, now);
    this.#mark(asked.run, -1);
    if (how.is === 'gone') this.#peers.hasNot(asked.peer, asked.run);
  }

  claimed(answer: ClaimAnswer, now: number): void {
    this.#claiming = false;
    if (answer.is === 'claimed') this.#begin({ from: answer.claim.from, to: answer.claim.to }, now);
    else this.#claimAt = now + claimAgain * this.crowd;
  }

  /** Records a chunk from the origin. */
  originRead(chunk: number, now: number): void {
    this.#gained(chunk, now);
  }

  /** Records the end of a run of the origin, complete or not. */
  originEnded(run: Run, now: number): void {
    const index = this.#runs.findIndex(({ from, to }) => from === run.from && to === run.to);
    if (index === -1) return;
    this.#runs.splice(index, 1);
    this.#mark(run, -1);
    this.#origin.ended(run, now);
  }

  /** The directory does not answer: known peers are still asked, and the rest is read from the origin. */
  directoryAway(): void {
    this.#directoryAway = true;
    this.#claiming = false;
  }

  directoryBack(now: number): void {
    this.#directoryAway = false;
    this.#peers.forgetAnswers();
    this.#claimAt = now;
  }

  *#ask(now: number): Iterable<Action> {
    while (this.#requests.size < requestsInAll) {
      const free = this.#peers.usable.filter((peer) => peer.canTakeRequest(now));
      const quick = free.filter((peer) => !peer.isSlow);
      const chunk = this.#rarest(free, (one) => this.#wants(one, 0)) ?? this.#rarestAgain(quick);
      if (chunk === null) return;
      const again = this.#coming[chunk] ?? 0;
      const able = (again > 0 ? quick : free).filter((one) => one.has.has(chunk) && !this.#isAsked(one, chunk));
      const peer = lessLoaded(able, this.#random);
      if (peer === null) return;
      const run = { from: chunk, to: chunk + 1 };
      while (run.to - run.from < (peer.isSlow ? 1 : chunksPerRequest) && peer.has.has(run.to) && this.#wants(run.to, again))
        run.to++;
      this.#mark(run, 1);
      peer.requests++;
      this.#requests.set(++this.#lastRequest, { peer, run, isGiving: false });
      yield { is: 'ask', request: this.#lastRequest, peer: peer.id, run };
    }
  }

  /** The wanted chunk that the fewest peers have, of those some free peer has; a random one among equals, which scatters them. */
  #rarest(free: readonly Peer[], isWanted: (chunk: number) => boolean): number | null {
    const { chunks } = this.has;
    const start = Math.floor(this.#random() * chunks);
    let rarest: number | null = null;
    let fewest = Number.POSITIVE_INFINITY;
    for (let i = 0; i < chunks; i++) {
      const chunk = (start + i) % chunks;
      const holders = this.#peers.holdersOf(chunk);
      if (holders === 0 || holders >= fewest || !isWanted(chunk)) continue;
      if (!free.some((peer) => peer.has.has(chunk) && !this.#isAsked(peer, chunk))) continue;
      rarest = chunk;
      fewest = holders;
    }
    return rarest;
  }

  #wants(chunk: number, coming: number): boolean {
    return chunk < this.has.chunks && !this.has.has(chunk) && this.#coming[chunk] === coming;
  }

  /** The rarest requested chunk that another host may bring sooner: one of the last, or one of a slow peer. */
  #rarestAgain(quick: readonly Peer[]): number | null {
    if (this.has.chunks - this.has.size <= endgame) return this.#rarest(quick, (one) => this.#wants(one, 1));
    return this.#pace.hasSlow ? this.#rarest(quick, (one) => this.#isLate(one)) : null;
  }

  /** Whether it is requested of a slow peer, and comes from nowhere else. */
  #isLate(chunk: number): boolean {
    return this.#wants(chunk, 1) && this.#peers.usable.some((peer) => peer.isSlow && this.#isAsked(peer, chunk));
  }

  #isAsked(peer: Peer, chunk: number): boolean {
    if (peer.requests === 0) return false;
    return [...this.#requests.values()].some((one) => one.peer === peer && chunk >= one.run.from && chunk < one.run.to);
  }

  #open(): number[] {
    const open = [...this.#coming.keys()].filter((chunk) => this.#wants(chunk, 0));
    return open.length > 0 ? open : [...this.#coming.keys()].filter((chunk) => this.#isLate(chunk));
  }

  /** Open chunks that no peer has that is relied on. */
  #unheld(): number[] {
    return this.#open().filter((chunk) => !this.#peers.isHeld(chunk));
  }

  #isStarved(now: number): boolean {
    return !this.#claiming && this.#runs.length === 0 && now - this.#progressAt >= starved * this.crowd;
  }

  /**
   * The next run is claimed while the last chunk of this one is read, so that a fast origin never waits for the directory. For a slow or
   * shared one, a second read would only delay the first one, for every host that waits for it.
   */
  #mayClaim(now: number): boolean {
    if (this.#claiming || now < this.#claimAt || this.#runs.length > 1) return false;
    const [reading] = this.#runs;
    if (reading === undefined) return true;
    return this.#origin.isFast && (reading.to - reading.from === 1 || this.has.has(reading.to - 2));
  }

  /**
   * Without a directory: of the own share; when nothing arrives, of that among those that were heard of; in the end, of any. Hosts that
   * still have a directory do not know of shares, and read everything: it is left to them.
   */
  #read(unheld: readonly number[], now: number): Run | null {
    const share = (which: 'possible' | 'heard') => this.#share.of(unheld, this.#peers.fellows(which));
    let [chunk] = share('possible');
    if (chunk === undefined && !this.#isDeserted) {
      const patience = (this.#peers.areClaiming ? starvedOfClaims : starved) * this.crowd;
      if (now - this.#progressAt < patience) return null;
      [chunk] = share('heard');
      if (chunk === undefined && now - this.#progressAt < 2 * patience) return null;
      this.#isDeserted = chunk === undefined;
    }
    chunk ??= unheld[Math.floor(this.#random() * unheld.length)];
    // One at a time: others may have the next one when it is read.
    return chunk === undefined ? null : this.#begin({ from: chunk, to: chunk + 1 }, now);
  }

  #begin(run: Run, now: number): Run {
    if (this.#runs.length === 0) this.#origin.begin(now);
    this.#runs.push(run);
    this.#mark(run, 1);
    return run;
  }

  #gained(chunk: number, now: number): void {
    if (this.has.add(chunk)) this.#progressAt = now;
  }

  #mark(run: Run, by: 1 | -1): void {
    for (let chunk = run.from; chunk < run.to; chunk++) this.#coming[chunk] = (this.#coming[chunk] ?? 0) + by;
  }
}
