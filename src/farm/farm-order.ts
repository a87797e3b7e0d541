import type { FarmTrust } from '../core/farm.ts';
import type { Priority } from '../core/types.ts';
import type { SwarmContent } from './directory.ts';
import type { FarmPlace } from './farm-place.ts';
import type { Fetched, FetchNote, KnownHost } from './fetch-parts.ts';
import type { GainedChunk } from './shared-files.ts';

/** The farm's part in a copy. */
export interface FarmOrder {
  place: FarmPlace;
  /** The last known hosts, which are asked while the directory is away; default: none. */
  hosts?: readonly KnownHost[];
  /** Runs that the whole farm reads at once from one origin. */
  slots: number;
  /** Bytes per second at which this host has read the source's root; null = not measured, or each read of it may cost money. */
  originSpeed: number | null;
  /** The hosts whose statements about a content are believed. */
  trust: FarmTrust;
  /** Priority of the copy at its beginning, and while no program waits for it. */
  priority: Priority;
  /** Maximum size of a file shared through the farm's Redis, bytes; 0 = none is. */
  small: number;
  /** The content's name in the farm and its hash, when the source itself is away: all of it comes from other hosts. */
  away: { content: string; hash: string } | null;
}

/** Notes of a copy made with the help of a farm. */
export type FarmNote =
  | FetchNote
  /** From here on others may read the unfinished file; `hashes`: its present chunks, with their SHA-256. */
  | { is: 'begun'; content: SwarmContent; temp: string; size: number; hashes: Map<number, string> }
  | ({ is: 'gained' } & GainedChunk)
  /** Bytes of other hosts were not the source's: all were dropped, and are read from the source. */
  | { is: 'split'; why: string };

/** Outcome of such a copy. */
export interface FarmReport extends Fetched {
  content: SwarmContent;
}
