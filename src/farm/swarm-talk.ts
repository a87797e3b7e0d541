import { InFlight } from '../runtime/in-flight.ts';
import { ChunkSet } from './chunk-set.ts';
import { type Holder, mostHolders, type Run, type SwarmContent, type SwarmEntry } from './directory.ts';
import type { FarmDirectory, KnownHost } from './fetch-parts.ts';
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
  /** Hosts that were known before; asked when the directory is away. */
  known: readonly KnownHost[];
  /** Called after an answer of another host. */
  onAnswer(): void;
  signal: AbortSignal;
}

const now = () => performance.now();
/**
 * Pause before a host that did not answer, or has nothing of the content, is asked again, and before the directory is asked again for one
 * that it did not know, ms; longer among many hosts.
 */
const askAgainMs = 1000;
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
  /** Questions to other hosts while the directory is away, and the times from which the next may follow, ms. */
  readonly #asking = new InFlight<string, boolean>();
  readonly #askableAt = new Map<string, number>();
  /** Hosts that the directory did not know, and the times from which it may be asked for them again, ms. */
  readonly #seekableAt = new Map<string, number>();
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
    this.#know(parts.known);
  }

  /** @returns null when the directory is away */
  async ask<T>(question: (entry: SwarmEntry) => Promise<T>): Promise<T | null> {
    if (this.isAway) return null;
    return this.#asked(() => question(this.#entry));
  }

  async tell(word: (entry: SwarmEntry) => Promise<unknown>): Promise<void> {
    await this.ask(word);
  }

  /** Whether no other host has a part of it, as far as can be found out. */
  async isAlone(): Promise<boolean> {
    if (this.#holders.size > 0 || !this.isAway) return this.#holders.size === 0;
    return !(await this.#askAround());
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
    if (met === null || !this.isAway) return;
    this.isAway = false;
    swarm.directoryBack(now());
  }

  /** Learns the events since the last time; while the directory is away, begins to ask the hosts themselves. */
  async hear(): Promise<void> {
    const { swarm } = this.#parts;
    if (this.isAway) void this.#askAround();
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
    await this.tell(() => this.#seek([host]));
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
      const wasAway = this.isAway;
      this.isAway = true;
      this.#parts.swarm.directoryAway();
      if (!wasAway) void this.#askAround();
      return null;
    }
  }

  #know(hosts: readonly KnownHost[]): void {
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
    await this.#seek(all.map(({ host }) => host));
    const gone = all.filter(({ host }) => this.#isUnknown(host)).map(({ host }) => host);
    const without = new Set([...this.#mute, ...gone]);
    const holders = all.filter(({ host }) => !without.has(host));
    for (const { host, has } of holders) this.#has(host, has);
    if (holders.length < all.length) await this.#reopen(holders, without);
    const present = new Set(holders.map(({ host }) => host));
    for (const host of this.#holders) if (!present.has(host)) this.#parts.swarm.peerGone(host);
    this.#holders = present;
  }

  /** Learns the addresses of hosts. What one has announced outlives it by up to half an hour: it is not asked for at each poll. */
  async #seek(hosts: readonly string[]): Promise<void> {
    const unknown = hosts.filter((host) => this.#isUnknown(host));
    if (!unknown.some((host) => now() >= (this.#seekableAt.get(host) ?? 0))) return;
    this.#know(await this.#parts.directory.hosts());
    const again = now() + this.#askAgain;
    for (const host of unknown) this.#seekableAt.set(host, again);
  }

  #isUnknown(host: string): boolean {
    return !this.#urls.has(host) && !this.#mute.has(host);
  }

  get #askAgain(): number {
    return askAgainMs * Math.max(1, this.#urls.size / mostHolders);
  }

  /** Makes chunks claimable at once that only hosts have from which nothing comes. */
  async #reopen(holders: readonly Holder[], without: ReadonlySet<string>): Promise<void> {
    const { has } = this.#parts.swarm;
    const lost = [...this.said.keys()].filter((chunk) => !has.has(chunk) && !holders.some((one) => one.has.has(chunk)));
    for (let at = 0; at < lost.length; at += portion) await this.#entry.lost(lost.slice(at, at + portion), [...without]);
  }

  /**
   * Asks the other hosts what they have, each for itself: one that is cut off holds up nobody.
   * @returns whether any has something
   */
  async #askAround(): Promise<boolean> {
    const { host, signal } = this.#parts;
    if (signal.aborted) return false;
    const askable = [...this.#urls].filter(([other]) => other !== host && now() >= (this.#askableAt.get(other) ?? 0));
    const having = askable.map(([other, url]) => this.#asking.run(other, () => this.#askHost(other, url)));
    return (await Promise.all(having)).includes(true);
  }

  /** @returns whether it has something */
  async #askHost(host: string, url: string): Promise<boolean> {
    const { peers, content, size, swarm, signal, onAnswer } = this.#parts;
    const asked = now();
    // Until it answers, it may be one that fetches.
    swarm.peerHas(host, [], asked);
    const answer = await peers.content(url, content.id, signal);
    const isSame = answer?.size === size && typeof answer.have === 'string';
    const has = isSame ? ChunkSet.from(Buffer.from(answer.have, 'base64'), content.chunks) : null;
    if (has) this.#has(host, has);
    else this.#askableAt.set(host, now() + this.#askAgain);
    swarm.peerAnswers(host, has !== null, asked, answer?.claims === true);
    onAnswer();
    return has !== null && has.size > 0;
  }
}
