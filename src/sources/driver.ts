import type { Fingerprint, SourceFile } from '../core/types.ts';

/** A file that is open for reading: a source, or a copy in a tier. */
export interface ReadableFile {
  /** Its name, for messages. */
  readonly path: string;
  /** A descriptor of this process, for what the system alone can do: read past the page cache, share blocks. */
  readonly fd?: number;
  /**
   * Reads from `position` on into the memory given. Several reads may be under way at once.
   * @returns how many bytes were read; fewer than asked for say nothing, 0 is the end of the file
   * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO
   */
  read(into: Uint8Array, position: number): Promise<number>;
}

/** What a reader must know of the sources of a driver. */
export interface DriverTraits {
  /** It may take long to answer, or never do so: it is asked in a process that can be left behind. */
  network: boolean;
  /** How many reads under way at once suit it; 1 = a disk with a head. */
  readsInFlight: number;
}

/** A source that is open for reading, and still is the file that was asked for. */
export interface OpenSource extends ReadableFile {
  readonly traits: DriverTraits;
  /** Of the open file, as it was opened. */
  readonly fingerprint: Fingerprint;
  /**
   * The open file must be as it was opened, and its name must still lead to it.
   * @throws CacheError SOURCE_CHANGED, and as `read` does
   */
  assertUnchanged(): Promise<void>;
  /** No read may be under way. */
  close(): Promise<void>;
}

/** How sources of one kind are read. */
export interface SourceDriver {
  readonly traits: DriverTraits;
  /**
   * Opens a source, if it still has the size and mtime that were asked for.
   * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, or BAD_REQUEST for what is no plain file
   */
  open(file: SourceFile): Promise<OpenSource>;
}
