import type { Fingerprint, SourceFile } from '../core/types.ts';

/** What is to be known of the sources of a driver before they are asked for anything. */
export interface DriverTraits {
  /** They may take long to answer, or never do so: they are asked in a process that can be left behind. */
  network: boolean;
  /** How many reads under way at once suit them; 1 = a disk with a head. */
  readsInFlight: number;
}

/**
 * How the sources below one root are looked at, listed and read. Any call may block its thread, and hang with its volume: drivers
 * run in threads and processes made for that, and the one who asks keeps the deadline. What a driver throws is a `CacheError`.
 */
export interface SourceDriver {
  readonly traits: DriverTraits;

  /** What is at a path below the root; also that nothing is there is an answer. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  stat(path: string): Promise<StatAnswer>;

  /** What the root looks like. @throws CacheError SOURCE_AWAY, or SOURCE_IO, also when it is not there */
  identify(): Promise<RootFacts>;

  /**
   * Lists the files in a directory and below it.
   * @throws CacheError SOURCE_AWAY, or SOURCE_IO, of `directory` itself: what lies below is in the answer's failures; CANCELLED
   */
  list(directory: string, options: ListOptions): Promise<Listing>;

  /**
   * Opens a source, if it still has the size and mtime that were asked for.
   * @throws CacheError SOURCE_MISSING when its root is there and it is not, SOURCE_AWAY, SOURCE_IO, SOURCE_CHANGED, IN_USE
   *   while it is downloaded, or BAD_REQUEST for what is no plain file
   */
  open(file: SourceFile): Promise<OpenSource>;

  /** The SHA-256 that somebody has published for a source, null when nobody has. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  published(path: string): Promise<Published | null>;

  /** How long one small read in a file takes, ms; null where that cannot be told. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  probe(path: string): Promise<number | null>;

  /** How fast a file is read; null for one that is too small to tell. @throws CacheError SOURCE_AWAY, SOURCE_IO */
  measure(path: string): Promise<ReadSpeeds | null>;

  /**
   * Tells of changes until the signal ends it. Left out where sources do not tell what others change in them.
   * @returns how many directories are watched
   * @throws CacheError SOURCE_AWAY, SOURCE_IO
   */
  watch?(options: WatchOptions): Promise<number>;
}

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

/** A source that is open for reading. */
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

export type StatAnswer =
  | { is: 'file'; size: number; mtimeNs: bigint; ino: bigint | null }
  /** A directory, a pipe, …: nothing that can be a source. */
  | { is: 'other' }
  /** Not there. `root` = what its root looks like at this moment; null when that does not answer either. */
  | { is: 'absent'; root: RootFacts | null };

export interface RootFacts {
  /** No file or folder is in it that could be a model; so is a mount point whose volume is away. */
  empty: boolean;
  identity: RootIdentity;
  /** Its path without links. */
  real: string;
}

/** What tells one file system at a path from another one: an empty mount point is not the volume that was there before. */
export interface RootIdentity {
  /** st_dev, decimal. Another number after every mount, on some systems. */
  device: string;
  /** Type and size as statfs tells them; they stay over remounts. */
  type: number;
  bytes: number;
}

export interface ListOptions {
  /** Takes a batch; the listing goes on when it resolves, which bounds what is in memory. */
  onBatch: (batch: FileBatch) => unknown;
  /** Called now and then while nothing else is heard: the listing gets on. */
  onProgress?: () => void;
  /** Whether to list directories below as well; default true. */
  recursive?: boolean;
  /** Keys (`PathRules.key`) of directories that are not entered: roots of their own. */
  skip?: ReadonlySet<string>;
  signal?: AbortSignal;
}

/** Files in columns: a thousand objects would cost the receiver's thread more than a thousand strings. */
export interface FileBatch {
  /** Paths below the listed directory. */
  rels: string[];
  sizes: number[];
  mtimesNs: BigInt64Array;
  /** Null where inodes are not stable. */
  inos: BigUint64Array | null;
}

export interface Listing {
  files: number;
  bytes: number;
  /** Absolute paths of the directories that were entered. */
  directories: string[];
  /** What could not be read: of these paths, and of what lies below them, nothing is known. */
  failures: { path: string; code: string }[];
  /** What lies on another volume than the root, and was not entered: a volume comes and goes by itself. */
  foreign: string[];
}

export interface WatchOptions {
  /** Keys (`PathRules.key`) of directories that are not entered: roots of their own. */
  skip: ReadonlySet<string>;
  /** How long changes are gathered before they are reported, ms. */
  settleMs: number;
  onChanged(directories: string[]): void;
  /** Not everything is watched (any more). Said once. */
  onTrouble(why: string): void;
  signal: AbortSignal;
}

/** The SHA-256 that somebody has published for a source. */
export interface Published {
  /** Lower-case hex. */
  sha256: string;
  /** The file that says so. */
  from: string;
}

/** How fast a file is read. */
export interface ReadSpeeds {
  /** Median of single reads of 4 KiB all over the file, ms. */
  smallReadMs: number;
  /** Reads of 1 MiB one after the other, bytes per second. */
  bytesPerSecond: number;
  /** False where the page cache cannot be passed: what it holds is faster than the disk. */
  direct: boolean;
}
