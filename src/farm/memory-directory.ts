import { ChunkSet } from './chunk-set.ts';
import {
  announcementLease,
  byName,
  type Claim,
  type ClaimAnswer,
  type Directory,
  type Holder,
  type HostFacts,
  letterMs,
  mostHolders,
  mostLetters,
  type ReadAnswer,
  type SwarmContent,
  type SwarmEntry,
  type SwarmEvent,
  type SwarmState,
} from './directory.ts';

/** The record of one content. */
class SwarmRecord {
  readonly hashes = new Map<number, string>();
  /** Chunk -> hosts that have read it from the origin, as far as reported by hosts that believe no single one. */
  readonly authors = new Map<number, Set<string>>();
  readonly claims = new Map<string, Claim & { ends: number }>();
  readonly holders = new Map<string, { has: ChunkSet; ends: number }>();
  events: SwarmEvent[] = [];

  clear(): void {
    this.hashes.clear();
    this.authors.clear();
    this.claims.clear();
    this.holders.clear();
    this.events = [];
  }
}

/** A directory for the hosts of one process: for tests, and the model that other directories are compared with. */
export class MemoryDirectory implements Directory {
  readonly now: () => number;
  readonly random: () => number;
  readonly #records = new Map<string, SwarmRecord>();
  readonly #slots = new Map<string, Map<string, number>>();
  readonly #hosts = new Map<string, { facts: HostFacts; ends: number }>();
  readonly #letters = new Map<string, { letters: string[]; ends: number }>();
  #fences = 0;

  /** @param random a number from 0 to 1, as from `Math.random` */
  constructor(now: () => number, random: () => number = Math.random) {
    this.now = now;
    this.random = random;
  }

  join(content: SwarmContent, host: string): SwarmEntry {
    const record = this.#records.get(content.id) ?? new SwarmRecord();
    this.#records.set(content.id, record);
    return new MemoryEntry(this, record, content, host);
  }

  async beat(facts: HostFacts): Promise<string[]> {
    this.#hosts.set(facts.host, { facts, ends: this.now() + announcementLease });
    const { letters = [], ends = 0 } = this.#letters.get(facts.host) ?? {};
    this.#letters.delete(facts.host);
    return ends > this.now() ? letters : [];
  }

  async send(host: string, letter: string): Promise<void> {
    const letters = [...(this.#letters.get(host)?.letters ?? []), letter].slice(-mostLetters);
    this.#letters.set(host, { letters, ends: this.now() + letterMs });
  }

  async hosts(): Promise<HostFacts[]> {
    for (const [host, { ends }] of this.#hosts) if (ends <= this.now()) this.#hosts.delete(host);
    return [...this.#hosts.values()].map(({ facts }) => facts).toSorted(byName);
  }

  async depart(host: string): Promise<void> {
    this.#hosts.delete(host);
  }

  newFence(): string {
    return String(++this.#fences);
  }

  /** Fence -> end of its lease, of an origin's slots in use. */
  slots(origin: string): Map<string, number> {
    const slots = this.#slots.get(origin) ?? new Map<string, number>();
    this.#slots.set(origin, slots);
    for (const [fence, ends] of slots) if (ends <= this.now()) slots.delete(fence);
    return slots;
  }

  /** Forgets everything, as a server does that lost its memory. */
  flush(): void {
    for (const record of this.#records.values()) record.clear();
    this.#slots.clear();
    this.#hosts.clear();
    this.#letters.clear();
  }
}

class MemoryEntry implements SwarmEntry {
  readonly #directory: MemoryDirectory;
  readonly #record: SwarmRecord;
  readonly #content: SwarmContent;
  readonly #host: string;
  /** Number of events that this host has heard. */
  #heard = 0;

  constructor(directory: MemoryDirectory, record: SwarmRecord, content: SwarmContent, host: string) {
    this.#directory = directory;
    this.#record = record;
    this.#content = content;
    this.#host = host;
  }

  async claim(lacks: ChunkSet, length: number, lease: number): Promise<ClaimAnswer> {
    const { chunks, origin, slots } = this.#content;
    const free = ChunkSet.from(lacks.bytes(), chunks);
    for (const { from, to } of this.#liveClaims()) for (let chunk = from; chunk < to; chunk++) free.delete(chunk);
    for (const chunk of this.#believed().keys()) free.delete(chunk);
    if (free.size === 0) return { is: 'none' };
    const used = this.#directory.slots(origin);
    if (used.size >= slots) return { is: 'full' };
    let from = 0;
    while (!free.has(from)) from++;
    let to = from + 1;
    while (to - from < length && free.has(to)) to++;
    const claim = { from, to, fence: this.#directory.newFence() };
    const ends = this.#directory.now() + lease;
    used.set(claim.fence, ends);
    this.#record.claims.set(claim.fence, { ...claim, ends });
    return { is: 'claimed', claim };
  }

  async renew({ fence }: Claim, lease: number): Promise<boolean> {
    const claim = this.#liveClaims().find((one) => one.fence === fence);
    if (claim === undefined) return false;
    claim.ends = this.#directory.now() + lease;
    this.#directory.slots(this.#content.origin).set(fence, claim.ends);
    return true;
  }

  async release({ fence }: Claim): Promise<void> {
    this.#record.claims.delete(fence);
    this.#directory.slots(this.#content.origin).delete(fence);
  }

  async read(chunk: number, sha256: string, { fence }: Claim): Promise<ReadAnswer> {
    const known = this.#record.hashes.get(chunk);
    if (known !== undefined && known !== sha256) return 'differs';
    if (known === undefined) {
      const claim = this.#liveClaims().find((one) => one.fence === fence);
      if (claim === undefined || chunk < claim.from || chunk >= claim.to) return 'fenced';
      this.#record.hashes.set(chunk, sha256);
    }
    if (this.#content.twice) this.#record.authors.set(chunk, new Set(this.#record.authors.get(chunk)).add(this.#host));
    await this.got(chunk);
    return 'known';
  }

  async got(chunk: number): Promise<void> {
    const before = this.#record.holders.get(this.#host)?.has ?? new ChunkSet(this.#content.chunks);
    before.add(chunk);
    this.#record.holders.set(this.#host, { has: before, ends: this.#directory.now() + announcementLease });
    this.#record.events.push({ is: 'has', host: this.#host, chunk });
  }

  async lost(chunks: readonly number[], without: readonly string[]): Promise<void> {
    const believed = this.#live().filter(({ host }) => !without.includes(host));
    for (const chunk of chunks) {
      if (believed.some(({ has }) => has.has(chunk))) continue;
      this.#record.hashes.delete(chunk);
      this.#record.authors.delete(chunk);
    }
  }

  async holders(): Promise<SwarmState> {
    this.#heard = this.#record.events.length;
    const live = this.#live();
    const told = live.length > mostHolders ? someOf(live, mostHolders, this.#directory.random) : live;
    return { holders: told.filter(({ host }) => host !== this.#host), hosts: live.length, hashes: this.#believed() };
  }

  async news(): Promise<SwarmEvent[] | null> {
    const { events } = this.#record;
    if (events.length < this.#heard || this.#record.holders.size > mostHolders) return null;
    const news = events.slice(this.#heard);
    this.#heard = events.length;
    return news.filter(({ host }) => host !== this.#host);
  }

  async announce(has: ChunkSet, hashes: ReadonlyMap<number, string>, lease = announcementLease) {
    const live = this.#live().map(({ host }) => host);
    for (const [chunk, sha256] of hashes) {
      if (has.has(chunk) && !this.#record.hashes.has(chunk)) this.#record.hashes.set(chunk, sha256);
    }
    const { chunks } = this.#content;
    this.#record.holders.set(this.#host, {
      has: ChunkSet.from(has.bytes(), chunks),
      ends: this.#directory.now() + lease,
    });
    return { isKnown: live.includes(this.#host), others: live.filter((host) => host !== this.#host) };
  }

  async leave(): Promise<void> {
    this.#record.holders.delete(this.#host);
    this.#record.events.push({ is: 'gone', host: this.#host });
  }

  #believed(): Map<number, string> {
    const { hashes, authors } = this.#record;
    if (!this.#content.twice) return new Map(hashes);
    return new Map([...hashes].filter(([chunk]) => (authors.get(chunk)?.size ?? 0) >= 2));
  }

  #liveClaims(): (Claim & { ends: number })[] {
    const { claims } = this.#record;
    for (const [fence, { ends }] of claims) if (ends <= this.#directory.now()) claims.delete(fence);
    return [...claims.values()];
  }

  #live(): Holder[] {
    const { holders } = this.#record;
    for (const [host, { ends }] of holders) if (ends <= this.#directory.now()) holders.delete(host);
    return [...holders].map(([host, { has }]) => ({ host, has }));
  }
}

/** A random selection of `most` of them: the first steps of a shuffle by Fisher and Yates. */
function someOf<T>(all: readonly T[], most: number, random: () => number): T[] {
  const drawn = [...all];
  for (let at = 0; at < most; at++) {
    const from = at + Math.floor(random() * (drawn.length - at));
    [drawn[at], drawn[from]] = [drawn[from] as T, drawn[at] as T];
  }
  return drawn.slice(0, most);
}
