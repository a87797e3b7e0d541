import { InFlight } from '../runtime/in-flight.ts';
import { ChunkSet } from './chunk-set.ts';
import type { Run, SwarmContent, SwarmEntry } from './directory.ts';
import type { FarmDirectory } from './fetch-parts.ts';
import type { PeerClient } from './peer-client.ts';
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

/**
 * What a host says to the directory about a content, and hears from it. While the directory is away nothing is said, and the hosts that
 * were known before are asked themselves.
 */
export class SwarmTalk {
  readonly #parts: SwarmTalkParts;
  readonly #entry: SwarmEntry;
  readonly #learning = new InFlight<'all', void>();
  #urls = new Map<string, string>();
  /** Hosts that had something when the directory was asked last. */
  #holders: ReadonlySet<string> = new Set();
  isAway = false;
  /** What the directory says of chunks: their SHA-256. */
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

  /** Whether no other host is known that has anything of it. */
  get knowsNobody(): boolean {
    return this.#holders.size === 0;
  }

  /** Says what this host has, and learns what the others have. Finds out whether a directory that was away is back. */
  async meet(): Promise<void> {
    const { swarm, proven, directory } = this.#parts;
    const met = await this.#asked(async () => {
      await this.#entry.announce(swarm.has, proven);
      await this.#learn();
      this.#know(await directory.hosts());
      return true;
    });
    if (met === null) return this.#askAround();
    if (!this.isAway) return;
    this.isAway = false;
    swarm.directoryBack(now());
  }

  /** Learns what has happened since the last time. */
  async hear(): Promise<void> {
    const { swarm } = this.#parts;
    const heard = await this.ask(async (entry) => ({ events: await entry.news() }));
    if (heard === null) return;
    if (heard.events === null) await this.ask(() => this.#learn());
    for (const event of heard.events ?? []) {
      if (event.is === 'gone') swarm.peerGone(event.host);
      else swarm.peerHas(event.host, [event.chunk], now());
    }
  }

  /** Chunks that are about to be asked for may have been read by others a moment ago. */
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

  #know(hosts: readonly { host: string; url: string | null }[]): void {
    for (const { host, url } of hosts) if (url !== null) this.#urls.set(host, url);
  }

  async #learn(): Promise<void> {
    const { holders, hashes } = await this.#entry.holders();
    this.said = hashes;
    for (const { host, has } of holders) this.#parts.swarm.peerHas(host, numbersIn(has), now());
    const present = new Set(holders.map(({ host }) => host));
    for (const host of this.#holders) if (!present.has(host)) this.#parts.swarm.peerGone(host);
    this.#holders = present;
  }

  async #askAround(): Promise<void> {
    const { peers, content, size, swarm, host } = this.#parts;
    const others = [...this.#urls].filter(([other]) => other !== host);
    await Promise.all(
      others.map(async ([other, url]) => {
        const answer = await peers.content(url, content.id);
        if (answer?.size !== size) return;
        swarm.peerHas(other, numbersIn(ChunkSet.from(Buffer.from(answer.have, 'base64'), content.chunks)), now());
      }),
    );
  }
}

function* numbersIn(has: ChunkSet): Iterable<number> {
  for (let chunk = 0; chunk < has.chunks; chunk++) if (has.has(chunk)) yield chunk;
}
