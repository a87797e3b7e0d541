import type { Claim, Run, SwarmContent, SwarmEntry } from '../../src/farm/directory.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import { type Action, type RequestEnd, Swarm } from '../../src/farm/swarm.ts';

/** What happens to a farm while it fetches a content. Times are ms after the start. */
export interface Schedule {
  chunks: number;
  seed: number;
  /** ms that a chunk takes from the origin, for all readers together. */
  originChunkTime: number;
  slots: number;
  hosts: HostPlan[];
  /** The directory does not answer for this time. */
  away?: { at: number; for: number } | undefined;
  /** The directory forgets everything. */
  flushedAt?: number | undefined;
}

export interface HostPlan {
  joinsAt: number;
  /** ms that a chunk takes over its link. */
  chunkTime: number;
  diesAt?: number | undefined;
  hangs?: { at: number; for: number } | undefined;
  /** Every byte that it gives to others is wrong. */
  lies?: boolean | undefined;
}

const lease = 3000;
const beat = 5000;
/** A host that was not heard of for this long is taken for dead. */
const lifetime = 15_000;
/** Time between two questions for news. */
const hearing = 200;
const uploads = 8;
const firstByte = 1000;

/** One host of the simulated farm: what real ones do with sockets and files, done with a clock. */
class SimulatedHost {
  readonly id: string;
  readonly plan: HostPlan;
  readonly swarm: Swarm;
  readonly entry: SwarmEntry;
  uploads = 0;
  finishedAt: number | null = null;
  /** The longest time in which nothing arrived, ms. */
  longestPause = 0;
  lastArrival: number;
  /** Number of the next step that time alone brings: any other step makes it needless. */
  wake = 0;

  constructor(id: string, plan: HostPlan, swarm: Swarm, entry: SwarmEntry) {
    this.id = id;
    this.plan = plan;
    this.swarm = swarm;
    this.entry = entry;
    this.lastArrival = plan.joinsAt;
  }

  isDead(now: number): boolean {
    return this.plan.diesAt !== undefined && now >= this.plan.diesAt;
  }

  /** When it goes on, if it hangs; else now. */
  awake(now: number): number {
    const { hangs } = this.plan;
    return hangs !== undefined && now >= hangs.at && now < hangs.at + hangs.for ? hangs.at + hangs.for : now;
  }
}

export class Simulation {
  readonly schedule: Schedule;
  readonly hosts: SimulatedHost[] = [];
  originReads = 0;
  wrongChunks = 0;
  now = 0;
  readonly #directory = new MemoryDirectory(() => this.now);
  readonly #queue: { at: number; order: number; run: () => unknown }[] = [];
  #order = 0;
  #readers = 0;
  readonly #random: () => number;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.#random = randomOf(schedule.seed);
  }

  /** Runs until all live hosts have the content, or `until` is over. */
  async run(until: number): Promise<void> {
    const { hosts, flushedAt, away } = this.schedule;
    for (const [index, plan] of hosts.entries()) this.#at(plan.joinsAt, () => this.#join(`h${index}`, plan));
    if (flushedAt !== undefined) this.#at(flushedAt, () => this.#directory.flush());
    if (away !== undefined) this.#at(away.at + away.for, () => this.#directoryBack());
    for (;;) {
      const [next] = this.#queue;
      if (next === undefined || next.at > until || this.#isOver()) return;
      this.#queue.shift();
      this.now = Math.max(this.now, next.at);
      await next.run();
    }
  }

  get live(): SimulatedHost[] {
    return this.hosts.filter((host) => !host.isDead(this.now));
  }

  #isOver(): boolean {
    return this.hosts.length === this.schedule.hosts.length && this.live.every(({ finishedAt }) => finishedAt !== null);
  }

  async #join(id: string, plan: HostPlan): Promise<void> {
    const { chunks, slots } = this.schedule;
    const content: SwarmContent = { id: 'content', chunks, origin: 'nas', slots };
    const swarm = new Swarm(chunks, { now: this.now, random: this.#random });
    const host = new SimulatedHost(id, plan, swarm, this.#directory.join(content, id));
    this.hosts.push(host);
    if (plan.diesAt !== undefined) this.#at(plan.diesAt + lifetime, () => host.entry.leave());
    await this.#beat(host);
    await this.#hear(host);
    await this.#step(host);
  }

  /** Asks for news until the host has everything. */
  async #hear(host: SimulatedHost): Promise<void> {
    if (host.finishedAt !== null) return;
    for (const event of this.#isAway() ? [] : ((await host.entry.news()) ?? [])) {
      if (event.is === 'gone') host.swarm.peerGone(event.host);
      else host.swarm.peerHas(event.host, [event.chunk], this.now);
      this.#soon(host);
    }
    this.#for(host, hearing, () => this.#hear(host));
  }

  /** Announces again what the host has, and hears what the others have. */
  async #beat(host: SimulatedHost): Promise<void> {
    if (!this.#isAway()) {
      const hashes = new Map(Array.from({ length: this.schedule.chunks }, (_, chunk) => [chunk, 'right'] as const));
      await host.entry.announce(host.swarm.has, hashes);
      for (const { host: id, has } of (await host.entry.holders()).holders) {
        host.swarm.peerHas(id, numbersIn(has), this.now);
      }
    }
    this.#for(host, beat, () => this.#beat(host));
    this.#soon(host);
  }

  async #step(host: SimulatedHost): Promise<void> {
    if (host.finishedAt !== null) return;
    if (host.swarm.has.isFull) {
      host.finishedAt = this.now;
      return;
    }
    for (const action of host.swarm.next(this.now)) await this.#perform(host, action);
    const wake = ++host.wake;
    const at = host.swarm.wakeAt(this.now);
    if (Number.isFinite(at)) this.#for(host, at - this.now, () => (host.wake === wake ? this.#step(host) : undefined));
  }

  async #perform(host: SimulatedHost, action: Action): Promise<void> {
    if (action.is === 'ask') this.#ask(host, action);
    else if (action.is === 'read') this.#readOrigin(host, { ...action.run, fence: '' }, false);
    else if (this.#isAway()) host.swarm.directoryAway();
    else if (action.is === 'lost') await host.entry.lost(action.chunks, action.without);
    else {
      const answer = await host.entry.claim(host.swarm.lacks, action.length, lease);
      host.swarm.claimed(answer, this.now);
      if (answer.is === 'claimed') this.#readOrigin(host, answer.claim, true);
    }
  }

  #ask(host: SimulatedHost, { request, peer: id, run }: Action & { is: 'ask' }): void {
    const peer = this.hosts.find((one) => one.id === id);
    let served = peer;
    const hangUp = () => {
      if (served !== undefined) served.uploads--;
      served = undefined;
    };
    const end = (how: RequestEnd) => {
      hangUp();
      host.swarm.ended(request, how, this.now);
      this.#soon(host);
    };
    if (peer !== undefined) peer.uploads++;
    // Its connection ends with it.
    if (host.plan.diesAt !== undefined) this.#at(host.plan.diesAt, hangUp);
    if (peer === undefined || peer.isDead(this.now)) this.#for(host, 1, () => end({ is: 'silent' }));
    else if (peer.uploads > uploads) this.#for(host, 1, () => end({ is: 'refused', until: this.now + 200 }));
    else this.#receive(host, peer, request, run, end);
  }

  /** Chunk by chunk, until the run or the peer's luck ends. */
  #receive(host: SimulatedHost, peer: SimulatedHost, request: number, run: Run, end: (how: RequestEnd) => void): void {
    if (run.from === run.to) end({ is: 'served' });
    else if (peer.isDead(this.now)) end({ is: 'silent' });
    else if (peer.awake(this.now) > this.now) this.#for(host, firstByte, () => end({ is: 'silent' }));
    else {
      this.#for(host, Math.max(peer.plan.chunkTime * peer.uploads, host.plan.chunkTime), () => {
        if (peer.plan.lies) {
          this.wrongChunks++;
          end({ is: 'lied' });
          return;
        }
        this.#arrived(host);
        host.swarm.received(request, run.from, this.now);
        if (!this.#isAway()) void host.entry.got(run.from);
        this.#soon(host);
        this.#receive(host, peer, request, { from: run.from + 1, to: run.to }, end);
      });
    }
  }

  #readOrigin(host: SimulatedHost, claim: Claim, claimed: boolean): void {
    this.#readers++;
    let reading = true;
    const renew = () => {
      if (!reading) return;
      if (claimed && !this.#isAway()) void host.entry.renew(claim, lease);
      this.#for(host, 1000, renew);
    };
    this.#for(host, 1000, renew);
    const next = (chunk: number): void => {
      if (chunk < claim.to)
        this.#for(host, Math.max(this.schedule.originChunkTime * this.#readers, host.plan.chunkTime), () => read(chunk));
      else {
        this.#readers--;
        reading = false;
        host.swarm.originEnded(claim, this.now);
        if (claimed && !this.#isAway()) void host.entry.release(claim);
        this.#soon(host);
      }
    };
    const read = (chunk: number): void => {
      this.originReads++;
      this.#arrived(host);
      host.swarm.originRead(chunk, this.now);
      if (!this.#isAway()) void (claimed ? host.entry.read(chunk, 'right', claim) : host.entry.got(chunk));
      this.#soon(host);
      next(chunk + 1);
    };
    next(claim.from);
    if (host.plan.diesAt !== undefined) {
      this.#at(host.plan.diesAt, () => {
        if (reading) this.#readers--;
      });
    }
  }

  #arrived(host: SimulatedHost): void {
    host.longestPause = Math.max(host.longestPause, this.now - host.lastArrival);
    host.lastArrival = this.now;
  }

  async #directoryBack(): Promise<void> {
    for (const host of this.hosts) {
      host.swarm.directoryBack(this.now);
      if (!host.isDead(this.now)) await this.#beat(host);
    }
  }

  #isAway(): boolean {
    const { away } = this.schedule;
    return away !== undefined && this.now >= away.at && this.now < away.at + away.for;
  }

  #soon(host: SimulatedHost): void {
    this.#for(host, 0, () => this.#step(host));
  }

  /** In `ms`, if the host lives then; when it hangs then, as soon as it goes on. */
  #for(host: SimulatedHost, ms: number, run: () => unknown): void {
    this.#at(this.now + ms, () => {
      if (host.isDead(this.now)) return;
      const awake = host.awake(this.now);
      if (awake === this.now) return run();
      this.#for(host, awake - this.now, run);
    });
  }

  #at(at: number, run: () => unknown): void {
    const event = { at, order: this.#order++, run };
    let index = this.#queue.length;
    while (index > 0 && (this.#queue[index - 1]?.at ?? 0) > at) index--;
    this.#queue.splice(index, 0, event);
  }
}

function* numbersIn(has: { chunks: number; has(chunk: number): boolean }): Iterable<number> {
  for (let chunk = 0; chunk < has.chunks; chunk++) if (has.has(chunk)) yield chunk;
}

/** Mulberry32: the same numbers for a seed on every machine. */
function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
