import type { Fingerprint, Form, JobKind, Seal, SourceFile } from '../core/types.ts';
import type { CopyPlace } from '../tiers/tier.ts';

/** What every order to a copy worker says. Orders and reports are plain data: they cross to a thread or to another process. */
interface Order extends CopyPlace {
  id: number;
  source: SourceFile;
  /** Where the copy lies until it is whole. */
  temp: string;
}

/** How the source is read. */
interface ReadsSource {
  /** Whether it is on a network: many reads under way at once, instead of one stream. */
  network: boolean;
  /** Whether the program that asked reads the source at the same time: through the page cache each byte comes from the disk once. */
  shared: boolean;
}

/** Copy the source. */
export interface CopyOrder extends Order, ReadsSource {
  kind: 'copy';
  /** Copies of other sources of the same size: it may share the blocks of one of them. */
  reflinkCandidates: readonly DuplicateCopy[];
  /** Whether to make SHA-256 too, as long as it costs little. */
  identity: boolean;
  /** Whether the finished copy is read back from the disk before it is published. */
  reread: boolean;
}

/** Make the copy a hard link of the first of these that has the bytes of the source; nothing is written. */
export interface LinkOrder extends Order, ReadsSource {
  kind: 'link';
  /** Copies of other sources of the same size and mtime. */
  candidates: readonly DuplicateCopy[];
}

/** Copy from a copy of the same bytes: reading it takes less time, and the source need not be there. */
export interface RestoreOrder extends Order {
  kind: 'restore';
  origin: OriginCopy;
  /** As for `copy`. */
  reread: boolean;
}

/** Put the compressed form of the origin in the place of the copy. */
export interface CompressOrder extends Order {
  kind: 'compress';
  origin: OriginCopy;
  /** Most bytes that it may take. */
  into: number;
}

/** Each kind of job with its order and its report. */
interface Jobs {
  copy: { order: CopyOrder; report: CopyReport };
  link: { order: LinkOrder; report: LinkReport | null };
  restore: { order: RestoreOrder; report: CopyReport };
  compress: { order: CompressOrder; report: CopyReport };
}

export type JobOrder = Jobs[JobKind]['order'];

/** What the worker reports when it has done what an order says. */
export type ReportOf<O extends JobOrder> = Jobs[O['kind']]['report'];

/** A copy that is read. */
export interface OriginCopy extends CopyPlace {
  form: Form;
  seal: Seal;
  /** Of the bytes of the source. */
  hash: string;
}

/** A copy of another source that is of the same size; always plain. */
export type DuplicateCopy = Omit<OriginCopy, 'form'>;

/** How a copy begins. */
export interface CopyTerms {
  /** Whether it asks before each step. */
  paced: boolean;
  /** Whether somebody waits for it. */
  urgent: boolean;
}

/** The functions of a copy worker. */
export interface CopyWorker {
  /** @throws CacheError as `runCopyJob` */
  run(order: JobOrder, terms: CopyTerms): Promise<ReportOf<JobOrder>>;
  cancel(id: number): void;
  /** Somebody waits for the copy from now on. */
  hurry(id: number): void;
  /** From now on the copy asks before each step, or does not. */
  pace(id: number, paced: boolean): void;
}

/** Functions that a copy worker calls meanwhile. */
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
