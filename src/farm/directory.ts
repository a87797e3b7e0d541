import type { ChunkSet } from './chunk-set.ts';
import type { WireVersions } from './peer-wire.ts';

/** Chunks `from` to `to - 1`. */
export interface Run {
  from: number;
  to: number;
}

/** The right to read a run from the origin for the whole farm, until its lease ends. */
export interface Claim extends Run {
  /** Distinguishes it from a later claim of the same run: a host that slept through its lease is not believed. */
  fence: string;
}

export type ClaimAnswer =
  | { is: 'claimed'; claim: Claim }
  /** Every chunk is claimed, or held by some host. */
  | { is: 'none' }
  /** The farm reads this origin with all its slots. */
  | { is: 'full' };

/** Outcome for the hash of a chunk that a host read from the origin. */
export type ReadAnswer =
  /** The first hash of this chunk, or equal to the first. */
  | 'known'
  /** Another host held the claim by then. The bytes are valid; the hash is not taken over. */
  | 'fenced'
  /** The directory has another hash: the origins of the two hosts differ. */
  | 'differs';

export interface Holder {
  host: string;
  has: ChunkSet;
}

export interface SwarmState {
  /** The live hosts that have chunks, without the asker; of more than `mostHolders`, a new random selection of that many each time. */
  holders: Holder[];
  /** Number of all hosts that have chunks. */
  hosts: number;
  /** Chunk -> SHA-256, of the chunks that were read. */
  hashes: Map<number, string>;
}

export type SwarmEvent = { is: 'has'; host: string; chunk: number } | { is: 'gone'; host: string };

/**
 * Which host has which chunk of a content, and which one reads which from the origin. It saves reads of the origin and proves nothing:
 * contents are checked by their hashes, so a directory that forgets or errs costs time only. Everything in it expires.
 */
export interface Directory {
  /** A host's part in the swarm of a content. */
  join(content: SwarmContent, host: string): SwarmEntry;
  /**
   * Announces a host with its facts; forgotten after `announcementLease` unless repeated.
   * @returns the letters that have come for it, the oldest first; each is handed out once
   */
  beat(host: HostFacts): Promise<string[]>;
  /** Leaves a letter for a host. It is kept for ten minutes; of more than a hundred letters, the oldest are dropped. */
  send(host: string, letter: string): Promise<void>;
  /** The live hosts, the asker among them, by name. */
  hosts(): Promise<HostFacts[]>;
  /** Takes a host out at once. */
  depart(host: string): Promise<void>;
}

/** A host's description of itself. Figures count from its start, bytes. */
export interface HostFacts {
  host: string;
  /** URL at which other hosts read from it; null = it gives nothing. */
  url: string | null;
  version: string;
  /** Versions of the protocol that it speaks with other hosts. */
  wire: WireVersions;
  /** Maximum bytes of its copies: its share of the farm's last copies to keep. */
  weight: number;
  /** Bytes read from origins, received from other hosts, given to them. */
  originBytes: number;
  receivedBytes: number;
  givenBytes: number;
}

export interface SwarmContent {
  /** The content's identity; it is the same on all hosts. */
  id: string;
  chunks: number;
  /** The name of its origin, and the maximum of runs that the whole farm reads from it at once. */
  origin: string;
  slots: number;
  /** Whether two hosts must read the same from the origin before a chunk counts as read and its hash is reported. */
  twice?: boolean;
}

/** All calls fail with FARM_AWAY when the directory does not answer before its deadline. */
export interface SwarmEntry {
  /**
   * Claims the lowest run of at most `length` chunks that this host lacks and no host reads or has, if a slot of the origin is free.
   * @param lease ms until the claim ends, unless renewed
   */
  claim(lacks: ChunkSet, length: number, lease: number): Promise<ClaimAnswer>;
  /** @returns false when the claim has ended */
  renew(claim: Claim, lease: number): Promise<boolean>;
  /** Gives back the rest of a claim, and its slot. */
  release(claim: Claim): Promise<void>;
  /** Publishes the SHA-256 of a chunk of a claim, and that this host has it. */
  read(chunk: number, sha256: string, claim: Claim): Promise<ReadAnswer>;
  /** Announces a chunk of this host. */
  got(chunk: number): Promise<void>;
  /** Makes chunks claimable again that no live host has, except perhaps those from which the asker got nothing good. */
  lost(chunks: readonly number[], without: readonly string[]): Promise<void>;
  /** The hosts that have chunks of this content, and the chunks' hashes. News begin here. */
  holders(): Promise<SwarmState>;
  /** Events since the last call; null = too many, or among more than `mostHolders` hosts: ask for the holders again. */
  news(): Promise<SwarmEvent[] | null>;
  /**
   * Repeats the announcement of what this host has, which is forgotten otherwise. Hashes are taken over where none is known.
   * @param lease ms until it is forgotten; default `announcementLease`
   * @returns whether the last announcement was still known, and the other hosts that have something of it
   */
  announce(has: ChunkSet, hashes: ReadonlyMap<number, string>, lease?: number): Promise<{ isKnown: boolean; others: string[] }>;
  /** Takes this host out. */
  leave(): Promise<void>;
}

/** Maximum number of other holders of a content that a host knows: if all hear of all, traffic grows with the square of their number. */
export const mostHolders = 64;

/** Lifetime of a host's announcement, ms; the host repeats it much sooner. */
export const announcementLease = 15_000;

/** Maximum number of letters kept for one host, and their lifetime, ms. */
export const mostLetters = 100;
export const letterMs = 10 * 60_000;

/** The order in which hosts are listed. */
export function byName(a: HostFacts, b: HostFacts): number {
  return a.host < b.host ? -1 : 1;
}
