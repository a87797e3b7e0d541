import type { Priority } from '../core/types.ts';
import type { Directory, HostFacts, Run, SwarmContent } from './directory.ts';
import type { RequestEnd } from './peer.ts';
import type { PeerClient } from './peer-client.ts';

/** A host of the farm, with its address if it gives. */
export type KnownHost = Pick<HostFacts, 'host' | 'url' | 'wire'>;

/** Requests of a fetching host to the directory. */
export interface FarmDirectory extends Pick<Directory, 'join'> {
  /** The live hosts. */
  hosts(): Promise<readonly KnownHost[]>;
}

/** Events of a fetch. */
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
  /** Hosts that were known before; default: none. */
  known?: readonly KnownHost[];
  peers: Pick<PeerClient, 'chunks' | 'content'>;
  /** Chunks on this host, with their SHA-256. */
  hashes: ReadonlyMap<number, string>;
  /** Null = it is away. */
  origin: Origin | null;
  /** Bytes per second at which this host has read the origin in former copies; null = not known. */
  originSpeed: number | null;
  /** Keeps a chunk, and gives it to others from then on. Called once for each; the caller owns its memory. */
  keep(chunk: number, bytes: Buffer, sha256: string): Promise<void>;
  /** Called as bytes arrive, from the origin or from others, long before a chunk of a slow one is whole. */
  onBytes?(): void;
  /** Resolves when this number of bytes may come from there. */
  turn(bytes: number, from: 'source' | 'peer'): Promise<void>;
  /** Priority of the copy at this moment: a busy host serves programs that wait first. */
  priority(): Priority;
  note(note: FetchNote): void;
  signal: AbortSignal;
  /** Times, ms; for tests. */
  times?: Partial<FetchTimes>;
}

export interface FetchTimes {
  /** Interval between two requests for news. */
  hearing: number;
  /** Interval between two announcements of this host's chunks, and between tries while the directory is away. */
  beat: number;
  lookAgain: number;
  /** Lifetime of a claim, and interval of its renewal while bytes arrive. */
  lease: number;
  renewal: number;
  /** Silence after which an origin is given up. */
  silence: number;
  /** Time without any byte and without an origin after which the fetch fails. */
  hopeless: number;
}

/** Origins of the bytes of a content. */
export interface Fetched {
  originBytes: number;
  /** Host -> bytes. */
  peers: Record<string, number>;
}
