import type { WarmHost } from '../api/api.ts';
import type { FarmAnswer, FarmContentView, FarmHolder, FarmLocateAnswer } from '../api/farm.ts';
import type { ClaimCounts, FarmFigures, PeerErrorCounts } from '../core/farm.ts';
import type { LinkState, RedisLink } from '../redis/link.ts';
import type { Directory, SwarmContent } from './directory.ts';
import type { FarmCounts } from './farm-counts.ts';
import type { HostWarming, WantedFile, WarmHostsOptions } from './host-warming.ts';
import type { Membership } from './membership.ts';
import { commonVersion } from './peer-wire.ts';

/** The part of the farm that moves bytes, as seen by other parts. */
export interface FarmTraffic {
  /** URL at which other hosts read from this one; null while it gives nothing. */
  readonly url: string | null;
  /** Contents that this host gives or fetches; the latest first. */
  contents(): { path: string; content: SwarmContent; size: number; has: number }[];
  /** The content of a source and its chunks on this host; null when the farm knows no name for it. Reads no source. */
  contentOf(path: string): Promise<{ content: SwarmContent; size: number; has: number } | null>;
}

export interface FarmDeps {
  name: string;
  /** This host's name. */
  host: string;
  link: Pick<RedisLink, 'state'>;
  directory: Pick<Directory, 'join'>;
  membership: Membership;
  counts: FarmCounts;
  traffic: FarmTraffic;
  warming: Pick<HostWarming, 'ask'>;
}

const mostContents = 50;

/** The farm for people: its hosts, their contents, and the origins of bytes. */
export class Farm {
  readonly #deps: FarmDeps;

  constructor(deps: FarmDeps) {
    this.#deps = deps;
  }

  get figures(): FarmFigures {
    return this.#deps.counts.figures;
  }

  get claims(): ClaimCounts {
    return this.#deps.counts.claims;
  }

  get peerErrors(): PeerErrorCounts {
    return this.#deps.counts.peerErrors;
  }

  /** Number of known hosts, this one included. */
  get size(): number {
    return this.#deps.membership.hosts.length;
  }

  get isDirectoryUp(): boolean {
    return this.#directory.state === 'up';
  }

  async view(): Promise<Omit<FarmAnswer, 'shared'>> {
    const { name, host, membership, counts, traffic } = this.#deps;
    const hosts = membership.hosts.map(({ weight, wire, ...facts }) => {
      return { ...facts, limit: weight, isThis: facts.host === host, isUnderstood: commonVersion(wire) !== null };
    });
    const contents = traffic.contents().slice(0, mostContents);
    const { figures, claims, peerErrors } = counts;
    const directory = this.#directory;
    return {
      ...{ on: true, name, host, url: traffic.url, directory, hosts, figures, claims, peerErrors },
      contents: await Promise.all(contents.map((one) => this.#contentView(one))),
    };
  }

  async locate(path: string): Promise<Omit<FarmLocateAnswer, 'shared'>> {
    const { host, traffic } = this.#deps;
    const found = await traffic.contentOf(path);
    if (found === null) return { path, content: null, size: null, chunks: null, hosts: [] };
    const { content, size, has } = found;
    const own = has > 0 ? [{ host, has }] : [];
    const hosts = [...own, ...(await this.#holders(content))].toSorted((a, b) => b.has - a.has);
    return { path, content: content.id, size, chunks: content.chunks, hosts };
  }

  /** Has other hosts copy files too. @throws CacheError BAD_REQUEST for too many */
  warmOthers(files: readonly WantedFile[], options: WarmHostsOptions): Promise<WarmHost[]> {
    return this.#deps.warming.ask(files, options);
  }

  /** A reachable server may still refuse writes: it is full, or a replica. */
  get #directory(): LinkState {
    const { link, membership } = this.#deps;
    const why = membership.whyLost;
    return link.state.state === 'up' && why !== null ? { state: 'away', why } : link.state;
  }

  async #contentView({ path, content, size, has }: ReturnType<FarmTraffic['contents']>[number]): Promise<FarmContentView> {
    return { path, content: content.id, size, chunks: content.chunks, has, hosts: await this.#holders(content) };
  }

  /** Other live hosts; none while the directory does not answer. What a host has announced outlives it there. */
  async #holders(content: SwarmContent): Promise<FarmHolder[]> {
    const { directory, host, membership } = this.#deps;
    if (!this.isDirectoryUp) return [];
    try {
      const { holders } = await directory.join(content, host).holders();
      const live = holders.filter((one) => membership.hosts.some((known) => known.host === one.host));
      return live.map((one) => ({ host: one.host, has: one.has.size }));
    } catch {
      return [];
    }
  }
}
