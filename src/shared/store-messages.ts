import type { S3Remote } from '../core/remote.ts';
import type { RoomClaim, SourceNote } from './store-names.ts';

/** A copy to be written into the store. Orders are plain data: they cross to another process. */
interface WriteOrder {
  /** The copy. */
  path: string;
  size: number;
  sha256: string;
  /** The key of the note that says what the source's content is. */
  noteKey: string;
}

/** What is in the store. */
interface StoreListing {
  /** SHA-256 -> bytes of all contents. */
  contents: Map<string, number>;
  /** Folder of a source's notes -> the latest one of a content that is there. */
  notes: Map<string, SourceNote>;
}

/** The functions of the process that speaks to the store. @throws CacheError SOURCE_*, NOT_PERMITTED */
export interface StoreWorker {
  begin(at: S3Remote): Promise<void>;
  /** The SHA-256 of a copy's bytes; null when a part of it cannot be read. */
  sha256Of(path: string): Promise<string | null>;
  /** @throws CacheError SOURCE_CHANGED too, when the copy has other bytes; then nothing is in the store */
  write(order: WriteOrder): Promise<void>;
  /** Notes that a source has a content that is in the store. */
  note(key: string): Promise<void>;
  /** The notes in a folder. */
  notesIn(folder: string): Promise<SourceNote[]>;
  /** Whether a content is there with all its bytes. */
  holds(sha256: string, size: number): Promise<boolean>;
  /** Says that so much room is about to be taken, or still is. @returns what other hosts say at this moment */
  claim(claim: RoomClaim): Promise<RoomClaim[]>;
  unclaim(claim: RoomClaim): Promise<void>;
  remove(sha256: string): Promise<void>;
  list(): Promise<StoreListing>;
  /** Gives up what was begun before this time and never ended. @returns how many */
  abortBefore(timeMs: number): Promise<number>;
}

/** Functions that it calls. */
export interface StoreWatcher {
  written(sha256: string, bytes: number): void;
}
