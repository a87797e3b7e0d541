import { InFlight } from '../runtime/in-flight.ts';
import { ChunkSet } from './chunk-set.ts';
import { type Holder, mostHolders, type Run, type SwarmContent, type SwarmEntry } from './directory.ts';
import type { FarmDirectory } from './fetch-parts.ts';
import type { PeerClient } from './peer-client.ts';
import { commonVersion } from './peer-wire.ts';
import type { Swarm } from './swarm.ts';

export interface SwarmTalkParts {
  content: SwarmContent;
  /** Bytes. */
  size: number;
  host: string;
  directory: FarmDirectory;
  peers: Pick<PeerClient, 'content'>;
  swarm: Swarm;
  /** The hashes that this host can vouch for. */
  proven: ReadonlyMap<number, string>;
}

const now = () => performance.now();
/** Maximum number of chunks in one request: a script may not take thousands of arguments. */
const portion = 500;

/**
 * A host's conversation with the directory about a content. While the directory is away nothing is reported, and the hosts known before are
 * asked directly.
 */
export class SwarmTalk {
  readonly #parts: SwarmTalkParts;
  readonly #entry: SwarmEntry;
  readonly #learning = new InFlight<'all', void>();
  #urls = new Map<string, string>();
  /** Hosts that give nothing to this one, since they only take or speak another version: they count as absent. */
  readonly #mute = new Set<string>();
  /** Hosts that had something at the last request to the directory. */
  #holders: ReadonlySet<string> = new Set();
  isAway = false;
  /** SHA-256 of chunks as the directory has them. */
  said: ReadonlyMap<number, string> = new Map();

  constructor(parts: SwarmTalkParts) {
    this.#parts = parts;
    this.#entry = parts.directory.join(parts.content, parts.host);
  }

  /** @returns null when the directory is away */
  async ask<T>(question: (entry: SwarmEntry) => Promise<T>): Promise<T | null> {
    if (this.isAway) return null;
    return this.#asked(() => question(this.#entry));
  }

  async tell(word: (entry: SwarmEntry) => Promise<unknown>): Promise<void> {
    await this.ask(word);
  }

  /** Whether no other host with a part of it is known. */
  get knowsNobody(): boolean {
    return this.#holders.size === 0;
  }

  /** Pause between two requests for news, ms: longer with more hosts. @param among few hosts */
  pause(among: number): number {
    return among * this.#parts.swarm.crowd;
  }

  /** Announces this host's chunks, and learns those of the others. Finds out whether a directory that was away is back. */
  async meet(): Promise<void> {
    const { swarm, proven, directory } = this.#parts;
    const met = await this.#asked(async () => {
      await this.#entry.announce(swarm.has, proven);
      this.#know(await directory.hosts());
      await this.#learn();
      return true;
    });
    if (met === null) return this.#askAround();
    if (!this.isAway) return;
    this.isAway = false;
    swarm.directoryBack(now());
  }

  /** Learns the events since the last time. */
  async hear(): Promise<void> {
    const { swarm } = this.#parts;
    const heard = await this.ask(async (entry) => ({ events: await entry.news() }));
    if (heard === null) return;
    const isUnknown = heard.events?.some((event) => event.is === 'has' && !this.#isBelieved(event.chunk)) ?? true;
    if (isUnknown) await this.ask(() => this.#learn());
    for (const event of heard.events ?? []) {
      if (event.is === 'gone') swarm.peerGone(event.host);
      else this.#has(event.host, [event.chunk]);
    }
  }

  /** Learns hashes of chunks that are about to be requested: others may have read them a moment ago. */
  async learnHashes({ from, to }: Run): Promise<void> {
    for (let chunk = from; chunk < to; chunk++) {
      if (!this.said.has(chunk)) return this.#learning.run('all', () => this.tell(() => this.#learn()));
    }
  }

  /** The address of a host, which may have joined a moment ago. */
  async urlOf(host: string): Promise<string | undefined> {
    if (!this.#urls.has(host)) this.#know((await this.ask(() => this.#parts.directory.hosts())) ?? []);
    return this.#urls.get(host);
  }

  /** Makes chunks claimable again that no usable host has. @param without hosts from which nothing good came */
  lost(chunks: readonly number[], without: readonly string[]): Promise<void> {
    return this.tell((entry) => entry.lost(chunks, [...without, ...this.#mute]));
  }

  /** Never rejects. */
  leave(): Promise<void> {
    return this.tell((entry) => entry.leave());
  }

  async #asked<T>(question: () => Promise<T>): Promise<T | null> {
    try {
      return await question();
    } catch {
      this.isAway = true;
      this.#parts.swarm.directoryAway();
      return null;
    }
  }

  #know(hosts: Awaited<ReturnType<FarmDirectory['hosts']>>): void {
    for (const { host, url, wire } of hosts) {
      if (url === null || commonVersion(wire) === null) {
        this.#mute.add(host);
        this.#urls.delete(host);
      } else {
        this.#mute.delete(host);
        this.#urls.set(host, url);
      }
    }
  }

  #has(host: string, chunks: Iterable<number>): void {
    if (this.#mute.has(host)) return;
    const believed = this.#parts.content.twice ? [...chunks].filter((chunk) => this.#isBelieved(chunk)) : chunks;
    this.#parts.swarm.peerHas(host, believed, now());
  }

  /** A chunk that only one host has read counts as absent if two must read it. */
  #isBelieved(chunk: number): boolean {
    return !this.#parts.content.twice || this.said.has(chunk);
  }

  async #learn(): Promise<void> {
    const { holders: all, hashes, hosts } = await this.#entry.holders();
    this.said = hashes;
    this.#parts.swarm.crowd = Math.max(1, hosts / mostHolders);
    const holders = all.filter(({ host }) => !this.#mute.has(host));
    for (const { host, has } of holders) this.#has(host, numbersIn(has));
    if (holders.length < all.length) await this.#reopen(holders);
    const present = new Set(holders.map(({ host }) => host));
    for (const host of this.#holders) if (!present.has(host)) this.#parts.swarm.peerGone(host);
    this.#holders = present;
  }

  /** Makes chunks claimable at once that only mute hosts have. */
  async #reopen(holders: readonly Holder[]): Promise<void> {
    const { has } = this.#parts.swarm;
    const lost = [...this.said.keys()].filter((chunk) => !has.has(chunk) && !holders.some((one) => one.has.has(chunk)));
    for (let at = 0; at < lost.length; at += portion) await this.#entry.lost(lost.slice(at, at + portion), [...this.#mute]);
  }

  async #askAround(): Promise<void> {
    const { peers, content, size, host } = this.#parts;
    const others = [...this.#urls].filter(([other]) => other !== host);
    await Promise.all(
      others.map(async ([other, url]) => {
        const answer = await peers.content(url, content.id);
        if (answer?.size !== size) return;
        this.#has(other, numbersIn(ChunkSet.from(Buffer.from(answer.have, 'base64'), content.chunks)));
      }),
    );
  }
}

function* numbersIn(has: ChunkSet): Iterable<number> {
  for (let chunk = 0; chunk < has.chunks; chunk++) if (has.has(chunk)) yield chunk;
}
