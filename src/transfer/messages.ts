import type { Fingerprint, Seal, SourceFile } from '../core/types.ts';
import type { CopyPlace } from '../tiers/tier.ts';

/** What a copy worker is told and what it reports. Plain data: it crosses to a thread or to another process. */
export interface CopyOrder {
  id: number;
  source: SourceFile;
  temp: string;
  path: string;
  manifestPath: string;
  /** Copies of other sources of the same size and mtime: it may be a hard link of one of them. */
  twins?: DuplicateCopy[];
  /** Copies of other sources of the same size: it may share the blocks of one of them. */
  alike?: DuplicateCopy[];
  /** The copy that is read instead of the source, if any. */
  origin?: OriginCopy | null;
  /** Compresses the origin into at most so many bytes, instead of copying it. */
  compressInto?: number;
  /** Whether the source is on a network: many reads under way at once, instead of one stream. */
  network: boolean;
  /** Whether the program that asked reads the source at the same time: through the page cache each byte comes from the disk once. */
  shared?: boolean;
  /** Whether to make SHA-256 too, as long as it costs no time. */
  identity: boolean;
  /** Whether the finished copy is read back from the disk before it is published. */
  reread?: boolean;
}

/** A copy of the same bytes: reading it takes less time, and the source need not be there. */
export interface OriginCopy extends CopyPlace {
  /** Whether it lies there in the form of `codec/format.ts`. */
  compressed: boolean;
  seal: Seal;
  /** Of the bytes of the source. */
  hash: string;
}

/** A copy of another source that is of the same size. */
export type DuplicateCopy = Omit<OriginCopy, 'compressed'>;

/** How a copy begins. */
export interface CopyTerms {
  /** Whether it asks before each step. */
  paced: boolean;
  /** Whether somebody waits for it. */
  urgent: boolean;
}

/** What a copy worker does. */
export interface CopyWorker {
  /** @throws CacheError as `runCopyJob` */
  copy(order: CopyOrder, terms: CopyTerms): Promise<CopyReport>;
  /** Only if one of the twins has the same bytes: nothing is written. @throws CacheError as `linkDuplicate` */
  link(order: CopyOrder, terms: CopyTerms): Promise<LinkReport | null>;
  cancel(id: number): void;
  /** Somebody waits for the copy from now on. */
  hurry(id: number): void;
  /** From now on the copy asks before each step, or does not. */
  pace(id: number, paced: boolean): void;
}

/** What a copy worker says and asks meanwhile. */
export interface CopyWatcher {
  progress(id: number, bytesDone: number): void;
  resuming(id: number, from: number): void;
  /** Resolves when the next step may be taken. */
  ask(id: number, bytes: number): Promise<void>;
}

/** The copy is another name of that file. */
export interface LinkReport extends CopyReport {
  twin: DuplicateCopy;
}

export interface CopyReport {
  seal: Seal;
  hash: string;
  /** Null where making it would have slowed the copy down. */
  sha256: string | null;
  /** As read from the open file: includes the inode, which the asker may not have told. */
  source: Fingerprint;
  bytes: number;
  /** Bytes taken over from an interrupted copy. */
  resumedFrom: number;
  /** Time spent reading the source, ms: the source's speed without the rest. Of a compressed origin, with all that was done. */
  readMs: number;
}
