import { type Claim, mostHolders, type Run, type SwarmContent } from '../../src/farm/directory.ts';
import { MemoryDirectory } from '../../src/farm/memory-directory.ts';
import type { RequestEnd } from '../../src/farm/peer.ts';
import { type Action, Swarm } from '../../src/farm/swarm.ts';
import { MinHeap } from '../../src/policy/min-heap.ts';
import { connect, firstByte, Outages } from './outages.ts';
import { counting, type HostPlan, randomOf, type Schedule, SimulatedHost } from './simulated-host.ts';

const lease = 3000;
const beat = 5000;
/** A host that was not heard of for this long is taken for dead. */
const lifetime = 15_000;
/** Time between two questions for news, among few hosts. */
const hearing = 200;
/** Time until a host that did not answer is asked again, while the directory is away. */
const askingAgain = 1000;
/** Time without a byte after which a request has failed. */
const stall = 2000;
/** Maximum number of requests that a host serves at once. */
export const uploads = 8;
/** Time between two bytes of a chunk. */
const hearingBytes = 250;

export class Simulation {
  readonly schedule: Schedule;
  readonly hosts: SimulatedHost[] = [];
  originReads = 0;
  wrongChunks = 0;
  now = 0;
  /** Questions to the directory, by kind. */
  readonly questions: Record<string, number> = {};
  readonly #directory: MemoryDirectory;
  readonly #outages: Outages;
  readonly #queue = new MinHeap<{ score: number; tie: number; run: () => unknown }>();
  readonly #byName = new Map<string, SimulatedHost>();
  #order = 0;
  #readers = 0;
  readonly #random: () => number;

  constructor(schedule: Schedule) {
    this.schedule = schedule;
    this.#outages = new Outages(schedule);
    this.#random = randomOf(schedule.seed);
    this.#directory = new MemoryDirectory(() => this.now, this.#random);
  }

  /** Runs until all live hosts have the content, or `until` is over. */
  async run(until: number): Promise<void> {
    const { hosts, flushedAt, away, cut, alone } = this.schedule;
    for (const [index, plan] of hosts.entries()) this.#at(plan.joinsAt, () => this.#join(index, plan));
    if (flushedAt !== undefined) this.#at(flushedAt, () => this.#directory.flush());
    for (const outage of [away, cut, alone])
      if (outage !== undefined) this.#at(outage.at + outage.for, () => this.#directoryBack());
    for (;;) {
      const next = this.#queue.pop();
      if (next === undefined || next.score > until || this.#isOver()) return;
      this.now = Math.max(this.now, next.score);
      await next.run();
    }
  }

  get live(): SimulatedHost[] {
    return this.hosts.filter((host) => !host.isDead(this.now));
  }

  #isOver(): boolean {
    const isOut = (host: SimulatedHost) => host.finishedAt !== null || host.isDead(this.now);
    return this.hosts.length === this.schedule.hosts.length && this.hosts.every(isOut);
  }

  async #join(index: number, plan: HostPlan): Promise<void> {
    const id = `h${index}`;
    const { chunks, slots } = this.schedule;
    const content: SwarmContent = { id: 'content', chunks, origin: 'nas', slots };
    const originChunkTime = plan.knownChunkTime;
    const swarm = new Swarm(chunks, { now: this.now, random: this.#random, host: id, originChunkTime });
    const isFar = index < (this.schedule.cut?.far ?? 0);
    const isAlone = index < (this.schedule.alone?.hosts ?? 0);
    const entry = counting(this.#directory.join(content, id), this.questions);
    const host = new SimulatedHost({ id, plan, swarm, entry, isFar, isAlone });
    this.hosts.push(host);
    this.#byName.set(id, host);
    if (plan.diesAt !== undefined) this.#at(plan.diesAt + lifetime, () => host.entry.leave());
    await this.#beat(host);
    await this.#hear(host);
    await this.#step(host);
  }

  /** Asks for news until the host has everything. */
  async #hear(host: SimulatedHost): Promise<void> {
    if (host.finishedAt !== null) return;
    if (this.#outages.isAway(host, this.now)) this.#lost(host);
    const events = this.#outages.isAway(host, this.now) ? [] : await host.entry.news();
    if (events === null) await this.#learn(host);
    for (const event of events ?? []) {
      if (event.is === 'gone') host.swarm.peerGone(event.host);
      else host.swarm.peerHas(event.host, [event.chunk], this.now);
      this.#soon(host);
    }
    this.#for(host, hearing * host.swarm.crowd, () => this.#hear(host));
  }

  async #learn(host: SimulatedHost): Promise<void> {
    const { holders, hosts } = await host.entry.holders();
    for (const { host: id, has } of holders) host.swarm.peerHas(id, has, this.now);
    const told = new Set(holders.map((one) => one.host));
    for (const id of host.told) if (!told.has(id)) host.swarm.peerGone(id);
    host.told = told;
    host.swarm.crowd = Math.max(1, hosts / mostHolders);
    this.#soon(host);
  }

  /** The directory does not answer: the other hosts are asked themselves. Their daemons were there before, and are known. */
  #lost(host: SimulatedHost): void {
    host.swarm.directoryAway();
    this.#soon(host);
    if (!host.hasMet) return;
    for (const other of this.hosts) {
      if (other === host || !other.hasMet || host.asked.has(other.id)) continue;
      host.asked.add(other.id);
      this.#askHost(host, other);
    }
  }

  #askHost(host: SimulatedHost, other: SimulatedHost): void {
    if (!this.#outages.isAway(host, this.now) || host.finishedAt !== null) {
      host.asked.delete(other.id);
      return;
    }
    const { now } = this;
    const silence = this.#outages.silence(host, other, this.now);
    host.swarm.peerHas(other.id, [], now);
    this.#for(host, silence ?? 1, () => {
      if (silence === null) host.swarm.peerHas(other.id, other.swarm.has, this.now);
      const claims = other.finishedAt === null && !this.#outages.isAway(other, this.now);
      host.swarm.peerAnswers(other.id, silence === null, now, claims);
      this.#soon(host);
      this.#for(host, silence === null ? hearing : askingAgain, () => this.#askHost(host, other));
    });
  }

  /** Announces again what the host has, and hears what the others have. */
  async #beat(host: SimulatedHost): Promise<void> {
    if (!this.#outages.isAway(host, this.now)) {
      const hashes = new Map(Array.from({ length: this.schedule.chunks }, (_, chunk) => [chunk, 'right'] as const));
      await host.entry.announce(host.swarm.has, hashes);
      host.hasMet = true;
      await this.#learn(host);
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
    else if (host.plan.sourceAway && action.is !== 'lost') {
      if (action.is === 'read') host.swarm.originEnded(action.run, this.now);
      host.swarm.claimed({ is: 'none' }, this.now);
    } else if (action.is === 'read') this.#readOrigin(host, { ...action.run, fence: '' }, false);
    else if (this.#outages.isAway(host, this.now)) this.#lost(host);
    else if (action.is === 'lost') await host.entry.lost(action.chunks, action.without);
    else {
      const answer = await host.entry.claim(host.swarm.lacks, action.length, lease);
      host.swarm.claimed(answer, this.now);
      if (answer.is === 'claimed') this.#readOrigin(host, answer.claim, true);
    }
  }

  #ask(host: SimulatedHost, { request, peer: id, run }: Action & { is: 'ask' }): void {
    const peer = this.#byName.get(id);
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
    if (peer === undefined || peer.isDead(this.now) || !this.#outages.reach(host, peer, this.now))
      this.#for(host, connect, () => end({ is: 'silent' }));
    else if (peer.uploads > uploads) this.#for(host, 1, () => end({ is: 'refused', until: this.now + 200 }));
    else this.#receive(host, peer, request, run, end);
  }

  /** Chunk by chunk, until the run or the peer's luck ends. */
  #receive(host: SimulatedHost, peer: SimulatedHost, request: number, run: Run, end: (how: RequestEnd) => void): void {
    if (run.from === run.to) end({ is: 'served' });
    else if (peer.isDead(this.now)) end({ is: 'silent' });
    else if (!this.#outages.reach(host, peer, this.now)) this.#for(host, stall, () => end({ is: 'silent' }));
    else if (peer.awake(this.now) > this.now) this.#for(host, firstByte, () => end({ is: 'silent' }));
    else {
      const chunkTime = Math.max(peer.plan.chunkTime * peer.uploads, host.plan.chunkTime);
      const part = Math.min(1, hearingBytes / chunkTime);
      const heard = (share: number) => host.swarm.heard(this.now, request, share);
      let last = 1;
      for (let ms = hearingBytes; ms < chunkTime; ms += hearingBytes, last -= part) this.#for(host, ms, () => heard(part));
      this.#for(host, chunkTime, () => {
        heard(last);
        if (peer.plan.lies) {
          this.wrongChunks++;
          end({ is: 'lied' });
          return;
        }
        this.#arrived(host);
        host.swarm.received(request, run.from, this.now);
        if (!this.#outages.isAway(host, this.now)) void host.entry.got(run.from);
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
      if (claimed && !this.#outages.isAway(host, this.now)) void host.entry.renew(claim, lease);
      this.#for(host, 1000, renew);
    };
    this.#for(host, 1000, renew);
    const next = (chunk: number): void => {
      // Nobody else knows of the claim while the directory is away.
      if (chunk < claim.to && !(claimed && chunk > claim.from && this.#outages.isAway(host, this.now)))
        this.#for(host, Math.max(this.schedule.originChunkTime * this.#readers, host.plan.chunkTime), () => read(chunk));
      else {
        this.#readers--;
        reading = false;
        host.swarm.originEnded(claim, this.now);
        if (claimed && !this.#outages.isAway(host, this.now)) void host.entry.release(claim);
        this.#soon(host);
      }
    };
    const read = (chunk: number): void => {
      this.originReads++;
      host.originReads++;
      this.#arrived(host);
      host.swarm.originRead(chunk, this.now);
      if (!this.#outages.isAway(host, this.now))
        void (claimed ? host.entry.read(chunk, 'right', claim) : host.entry.got(chunk));
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
      if (this.#outages.isAway(host, this.now)) continue;
      host.swarm.directoryBack(this.now);
      if (!host.isDead(this.now)) await this.#beat(host);
    }
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
    this.#queue.push({ score: at, tie: this.#order++, run });
  }
}
