import type { Priority } from '../core/types.ts';
import type { Directory, HostFacts, Run, SwarmContent } from './directory.ts';
import type { PeerClient } from './peer-client.ts';
import type { RequestEnd } from './swarm.ts';

/** What a host that fetches asks the directory. */
export interface FarmDirectory extends Pick<Directory, 'join'> {
  /** The live hosts, with the addresses of those that give. */
  hosts(): Promise<readonly Pick<HostFacts, 'host' | 'url' | 'wire'>[]>;
}

/** What happens while a content is fetched. */
export type FetchNote =
  | { is: 'claim'; outcome: 'claimed' | 'none' | 'full' }
  | { is: 'peer'; host: string; how: RequestEnd['is'] }
  | { is: 'bytes'; from: 'origin' | 'peer'; bytes: number };

/** The content's own source on this host. */
export interface Origin {
  /**
   * Gives the chunks of a run in order. The memory of one is used again when the next is asked for.
   * @param hooks `onBytes` is called as bytes arrive; the signal ends the reads
   * @throws CacheError
   */
  read(run: Run, hooks: { onBytes: () => void; signal: AbortSignal }): AsyncIterable<{ chunk: number; bytes: Buffer }>;
}

export interface FetchParts {
  content: SwarmContent;
  /** Bytes. */
  size: number;
  host: string;
  directory: FarmDirectory;
  peers: Pick<PeerClient, 'chunks' | 'content'>;
  /** Chunks that are here, with their SHA-256. */
  hashes: ReadonlyMap<number, string>;
  /** Null = it is away. */
  origin: Origin | null;
  /** Keeps a chunk, and gives it to others from then on. Called once for each; its memory is the caller's. */
  keep(chunk: number, bytes: Buffer, sha256: string): Promise<void>;
  /** Resolves when so many bytes may come from there. */
  turn(bytes: number, from: 'source' | 'peer'): Promise<void>;
  /** How urgent the copy is at this moment: a busy host gives first what is waited for. */
  priority(): Priority;
  note(note: FetchNote): void;
  signal: AbortSignal;
  /** Times, ms; for tests. */
  times?: Partial<FetchTimes>;
}

export interface FetchTimes {
  /** Between two questions for news. */
  hearing: number;
  /** Between two repetitions of what this host has, and looks at the directory while it is away. */
  beat: number;
  lookAgain: number;
  /** A claim ends by itself after this, and is renewed this often while bytes arrive. */
  lease: number;
  renewal: number;
  /** An origin that gives nothing for so long is not counted on. */
  silence: number;
  /** Without any chunk for so long, and without an origin, the fetch fails. */
  hopeless: number;
}

/** Where the bytes of a content came from. */
export interface Fetched {
  originBytes: number;
  /** Host -> bytes. */
  peers: Record<string, number>;
}
