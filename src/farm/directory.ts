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
  /** Every chunk is claimed, or some host has it. */
  | { is: 'none' }
  /** The farm reads this origin with all its slots. */
  | { is: 'full' };

/** What became of the hash of a chunk that a host read from the origin. */
export type ReadAnswer =
  /** It is the first of this chunk, or equal to the first. */
  | 'known'
  /** The claim was another's by then. The bytes are as good; the hash is not taken over. */
  | 'fenced'
  /** Another hash stands there: the origins of the two hosts differ. */
  | 'differs';

export interface Holder {
  host: string;
  has: ChunkSet;
}

export interface SwarmState {
  /** The live hosts that have chunks, without the asker; of more than `mostHolders`, so many of them by chance, others each time. */
  holders: Holder[];
  /** How many hosts have chunks in all. */
  hosts: number;
  /** Chunk -> SHA-256, of the chunks that were read. */
  hashes: Map<number, string>;
}

export type SwarmEvent = { is: 'has'; host: string; chunk: number } | { is: 'gone'; host: string };

/**
 * Who has which chunk of a content, and who reads which from the origin. It saves reads of the origin and proves nothing: contents
 * are checked by their hashes, so that a directory that forgets or errs costs time only. Everything in it ends by itself.
 */
export interface Directory {
  /** A host's part in the swarm of a content. */
  join(content: SwarmContent, host: string): SwarmEntry;
  /**
   * Says that a host is there, with what it is; forgotten after `announcementLease` unless said again.
   * @returns the letters that have come for it, the oldest first; each is handed out once
   */
  beat(host: HostFacts): Promise<string[]>;
  /** Leaves a letter for a host. It is kept for ten minutes, and of a hundred and more the oldest go. */
  send(host: string, letter: string): Promise<void>;
  /** The live hosts, the asker among them, by name. */
  hosts(): Promise<HostFacts[]>;
  /** Takes a host out at once. */
  depart(host: string): Promise<void>;
}

/** What a host says of itself. Figures count from its start, bytes. */
export interface HostFacts {
  host: string;
  /** Where others read from it; null = it gives nothing. */
  url: string | null;
  version: string;
  /** What it speaks with other hosts. */
  wire: WireVersions;
  /** Bytes that its copies may take: how much of the farm's last copies it should keep. */
  weight: number;
  /** Read from origins, received from other hosts, given to them. */
  originBytes: number;
  receivedBytes: number;
  givenBytes: number;
}

export interface SwarmContent {
  /** The content's identity; it is the same on all hosts. */
  id: string;
  chunks: number;
  /** The name of its origin, and how many runs the whole farm reads from it at once. */
  origin: string;
  slots: number;
  /** Nothing counts as read, and no hash is told, before two hosts have read the same from the origin. */
  twice?: boolean;
}

/** All calls fail with FARM_AWAY when the directory does not answer within its deadline. */
export interface SwarmEntry {
  /**
   * Claims the lowest run of at most `length` chunks that this host lacks and nobody reads or has, if a slot of the origin is free.
   * @param lease ms until the claim ends, unless renewed
   */
  claim(lacks: ChunkSet, length: number, lease: number): Promise<ClaimAnswer>;
  /** @returns false when the claim has ended */
  renew(claim: Claim, lease: number): Promise<boolean>;
  /** Gives back what is left of a claim, and its slot. */
  release(claim: Claim): Promise<void>;
  /** Publishes the SHA-256 of a chunk of a claim, and that this host has it. */
  read(chunk: number, sha256: string, claim: Claim): Promise<ReadAnswer>;
  /** Says that this host has a chunk. */
  got(chunk: number): Promise<void>;
  /** Makes chunks claimable again which no live host has, but perhaps those from which the asker got nothing good. */
  lost(chunks: readonly number[], without: readonly string[]): Promise<void>;
  /** Who has chunks of this content, and the chunks' hashes. News begin here. */
  holders(): Promise<SwarmState>;
  /** What has happened since the last call; null = too much, or among more than `mostHolders` hosts: ask for the holders again. */
  news(): Promise<SwarmEvent[] | null>;
  /**
   * Says again what this host has, which is forgotten otherwise. Hashes are taken over where none is known.
   * @param lease ms until it is forgotten; default `announcementLease`
   * @returns whether what this host had said was still known, and the other hosts that have something of it
   */
  announce(has: ChunkSet, hashes: ReadonlyMap<number, string>, lease?: number): Promise<{ isKnown: boolean; others: string[] }>;
  /** Takes this host out. */
  leave(): Promise<void>;
}

/** A host knows so many others that have chunks of a content, at most: what all have to hear of all grows with the square of their number. */
export const mostHolders = 64;

/** A host's word on what it has is forgotten after this time, ms; the host repeats it much sooner. */
export const announcementLease = 15_000;

/** Letters for one host that are kept, and for how long, ms. */
export const mostLetters = 100;
export const letterMs = 10 * 60_000;

/** The order in which hosts are told. */
export function byName(a: HostFacts, b: HostFacts): number {
  return a.host < b.host ? -1 : 1;
}
