import type { Fingerprint, SourceFile } from '../core/types.ts';

/** The facts about a driver's sources that must be known before any request. */
export interface DriverTraits {
  /** Answers may take long or never come: requests run in a process that can be abandoned. */
  network: boolean;
  /** Number of concurrent reads that suits the sources; 1 = a disk with a head. */
  readsInFlight: number;
  /**
   * Every change of a source shows in its fingerprint, and an open one gives only the bytes of that version: a read after a change is
   * SOURCE_CHANGED. Absent: a file may be rewritten with its old size and time.
   */
  versioned?: boolean;
}

/**
 * Stats, lists and reads the sources below one root. Any call may block its thread, and hang with its volume. So drivers run in
 * dedicated threads and processes, and the caller keeps the deadline. All errors are `CacheError`s.
 */
export interface SourceDriver {
  readonly traits: DriverTraits;

  /** The object at a path below the root; its absence is an answer too. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  stat(path: string): Promise<StatAnswer>;

  /** The root's facts. @throws CacheError SOURCE_AWAY, SOURCE_IO; SOURCE_MISSING when the root does not exist */
  identify(): Promise<RootFacts>;

  /**
   * Lists the files in a directory and below it.
   * @throws CacheError SOURCE_AWAY, or SOURCE_IO, for `directory` itself: errors below it are in the answer's failures; CANCELLED
   */
  list(directory: string, options: ListOptions): Promise<Listing>;

  /**
   * Opens a source, if it still has the requested size and mtime.
   * @throws CacheError SOURCE_MISSING when only the file is absent, not its root, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, IN_USE
   *   during its download, or BAD_REQUEST for anything but a plain file
   */
  open(file: SourceFile, options?: OpenOptions): Promise<OpenSource>;

  /** The SHA-256 published for a source, null when there is none. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  published(path: string): Promise<Published | null>;

  /** Time of one small read in a file, ms; null when it cannot be measured. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  probe(path: string): Promise<number | null>;

  /** The read speed of a file; null for one too small to measure. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  measure(path: string): Promise<ReadSpeeds | null>;

  /**
   * Reports changes until the signal ends it. Absent where sources do not report changes by others.
   * @returns the number of watched directories
   * @throws CacheError SOURCE_AWAY, SOURCE_IO
   */
  watch?(options: WatchOptions): Promise<number>;
}

export interface OpenOptions {
  /** Called periodically during a long read while the source is not silent. */
  onHeard?: () => void;
}

/** A file open for reading: a source, or a copy in a tier. */
export interface ReadableFile {
  /** Its name, for messages. */
  readonly path: string;
  /** A descriptor of this process, for system calls that need one: reads past the page cache, shared blocks. */
  readonly fd?: number;
  /**
   * Reads from `position` on into the given memory. Several reads may be in flight at once.
   * @param onBytes called as bytes arrive, by sources that take long for a read
   * @returns the number of bytes read, which may be fewer than requested; 0 at the end of the file
   * @throws CacheError SOURCE_MISSING, SOURCE_AWAY, SOURCE_IO
   */
  read(into: Uint8Array, position: number, onBytes?: () => void): Promise<number>;
}

/** A source open for reading. */
export interface OpenSource extends ReadableFile {
  readonly traits: DriverTraits;
  /** The fingerprint of the open file when it was opened. */
  readonly fingerprint: Fingerprint;
  /** Suitable size of a read, bytes, and the present number of concurrent reads. Absent: 1 MiB, and the number in the traits. */
  readonly parts?: { bytes: number; atOnce(): number };
  /** The strongest published checksum of the whole source; absent where none can exist. */
  readonly proof?: Proof | null;
  /** Its place, the same for every host: its store, and the object there with its version. Absent for files. */
  readonly object?: { store: string; version: string };
  /** Ends reads in flight at once with CANCELLED. Absent where they cannot be ended. */
  endReads?(): void;
  /**
   * Checks that the open file is unchanged since it was opened, and that its name still leads to it.
   * @throws CacheError SOURCE_CHANGED, and as `read` does
   */
  assertUnchanged(): Promise<void>;
  /** No read may be in flight. */
  close(): Promise<void>;
}

export type StatAnswer =
  /** Without `ctimeNs` where it is as unreliable as inodes. */
  | { is: 'file'; size: number; mtimeNs: bigint; ctimeNs?: bigint; ino: bigint | null }
  /** A directory, a pipe, …: cannot be a source. */
  | { is: 'other' }
  /** Absent. `root` = the root's present facts; null when it does not answer either. */
  | { is: 'absent'; root: RootFacts | null };

export interface RootFacts {
  /** Whether it contains no file or folder that could be a model, like an empty mount point. */
  empty: boolean;
  identity: RootIdentity;
  /** Its path without links. */
  real: string;
  /** Whether names that differ by case only are one file there; null = unknown. */
  ignoresCase: boolean | null;
}

/** Distinguishes the file systems that may be mounted at a path: an empty mount point is not the volume that was there before. */
export interface RootIdentity {
  /** st_dev, decimal. Differs after every mount on some systems. */
  device: string;
  /** Type and size from statfs; they stay over remounts. */
  type: number;
  bytes: number;
  /** Inode of the root's own directory; left out on networks, and where inodes are not stable. */
  ino?: string;
}

export interface ListOptions {
  /** Takes a batch. The listing waits until it resolves, which bounds the memory in use. */
  onBatch: (batch: FileBatch) => unknown;
  /** Called periodically between batches as a sign of progress. */
  onProgress?: () => void;
  /** Whether to list directories below as well; default true. */
  recursive?: boolean;
  /** Restricts the listing to this file and the files that its loader may open in the same directory. */
  beside?: string | undefined;
  /** Keys (`PathRules.key`) of directories that are separate roots and not entered. */
  skip?: ReadonlySet<string>;
  signal?: AbortSignal;
}

/** Files in columns: a thousand objects would cost the receiver's thread more than a thousand strings. */
export interface FileBatch {
  /** Paths below the listed directory. */
  rels: string[];
  sizes: number[];
  mtimesNs: BigInt64Array;
  /** Absent where inodes are not stable. */
  ctimesNs?: BigInt64Array;
  /** Null where inodes are not stable. */
  inos: BigUint64Array | null;
}

export interface Listing {
  files: number;
  bytes: number;
  /** Absolute paths of the visited directories. */
  directories: string[];
  /** Unreadable paths: the state of their files is unknown. */
  failures: { path: string; code: string }[];
  /** Paths on another volume than the root, which were not entered, because a volume comes and goes by itself. */
  foreign: string[];
}

export interface WatchOptions {
  /** Keys (`PathRules.key`) of directories that are separate roots and not entered. */
  skip: ReadonlySet<string>;
  /** How long changes are gathered before they are reported, ms. */
  settleMs: number;
  onChanged(directories: string[]): void;
  /** Some directories are not watched, or no longer. Called at most once. */
  onTrouble(why: string): void;
  signal: AbortSignal;
}

/** The SHA-256 published for a source. */
export interface Published {
  /** Lower-case hex. */
  sha256: string;
  /** The file it was found in. */
  from: string;
}

/** A published checksum of a whole source. */
export interface Proof {
  kind: 'sha256' | 'crc64nvme' | 'md5';
  /** Lower-case hex. */
  value: string;
  /** Where it is published. */
  from: string;
  /** Whether a different copy is refused. Some services sometimes publish wrong checksums: there a difference is only reported. */
  binding: boolean;
}

/** The read speed of a file. */
export interface ReadSpeeds {
  /** Median of single reads of 4 KiB all over the file, ms. */
  smallReadMs: number;
  /** Reads of 1 MiB one after the other, bytes per second. */
  bytesPerSecond: number;
  /** False where the page cache cannot be bypassed: cached bytes are faster than the disk. */
  direct: boolean;
}
