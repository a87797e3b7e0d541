import type { S3Remote } from '../core/remote.ts';
import type { RoomClaim, SourceNote } from './store-names.ts';

/** A copy to be written into the store. Orders are plain data: they cross to another process. */
interface WriteOrder {
  /** The copy. */
  path: string;
  size: number;
  sha256: string;
  /** The key of the note on the source's content. */
  noteKey: string;
}

/** A listing of the store. */
interface StoreListing {
  /** SHA-256 -> bytes of all contents. */
  contents: Map<string, number>;
  /** Folder of a source's notes -> the latest note on a present content. */
  notes: Map<string, SourceNote>;
}

/** The functions of the process that speaks to the store. @throws CacheError SOURCE_*, NOT_PERMITTED */
export interface StoreWorker {
  begin(at: S3Remote): Promise<void>;
  /** The SHA-256 of a copy's bytes; null when a part of it cannot be read. */
  sha256Of(path: string): Promise<string | null>;
  /** @throws CacheError also SOURCE_CHANGED, when the copy has other bytes; then the store is unchanged */
  write(order: WriteOrder): Promise<void>;
  /** Notes that a source has a content of the store. */
  note(key: string): Promise<void>;
  /** The notes in a folder. */
  notesIn(folder: string): Promise<SourceNote[]>;
  /** Whether the store has a content with all its bytes. */
  holds(sha256: string, size: number): Promise<boolean>;
  /** Announces or renews a claim of room. @returns the present claims of other hosts */
  claim(claim: RoomClaim): Promise<RoomClaim[]>;
  unclaim(claim: RoomClaim): Promise<void>;
  remove(sha256: string): Promise<void>;
  list(): Promise<StoreListing>;
  /** Aborts unfinished uploads begun before this time. @returns their number */
  abortBefore(timeMs: number): Promise<number>;
}

/** Functions that it calls. */
export interface StoreWatcher {
  written(sha256: string, bytes: number): void;
}
