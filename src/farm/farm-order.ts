import type { FarmTrust } from '../core/farm.ts';
import type { Priority } from '../core/types.ts';
import type { SwarmContent } from './directory.ts';
import type { FarmPlace } from './farm-place.ts';
import type { Fetched, FetchNote } from './fetch-parts.ts';
import type { GainedChunk } from './shared-files.ts';

/** How a copy is helped by the farm. */
export interface FarmOrder {
  place: FarmPlace;
  /** Runs that the whole farm reads at once from one origin. */
  slots: number;
  /** Whose word on a content is taken. */
  trust: FarmTrust;
  /** Of the copy when it was begun, and while no program waits for it. */
  priority: Priority;
  /** Size up to which a file is shared through the farm's Redis, bytes; 0 = none is. */
  small: number;
  /** The content's name in the farm and its hash, where the source itself is away: all of it comes from the others. */
  away: { content: string; hash: string } | null;
}

/** What a copy with the help of a farm tells while it is made. */
export type FarmNote =
  | FetchNote
  /** From here on others may read the unfinished file; the chunks that are there, with their SHA-256. */
  | { is: 'begun'; content: SwarmContent; temp: string; size: number; hashes: Map<number, string> }
  | ({ is: 'gained' } & GainedChunk)
  /** Other hosts gave bytes that are not the source's: all was thrown away, and is read from the source. */
  | { is: 'split'; why: string };

/** What came of it. */
export interface FarmReport extends Fetched {
  content: SwarmContent;
}
