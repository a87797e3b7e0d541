import type { Remote, Spent, StoreOrigin } from '../core/remote.ts';
import type { AdoptionWay, Fingerprint, Form, JobKind, Seal, SourceFile } from '../core/types.ts';
import type { FarmNote, FarmOrder, FarmReport } from '../farm/farm-order.ts';
import type { CopyPlace } from '../tiers/tier.ts';
import type { Recipe } from '../variants/recipe.ts';

/** Part of every order to a copy worker. Orders and reports are plain data: they cross to a thread or to another process. */
interface Order extends CopyPlace {
  id: number;
  source: SourceFile;
  /** Path of the unfinished copy. */
  temp: string;
  /** A directory that must carry autocached's marker: below an empty mount point nothing is made. */
  claimed?: string;
}

/** How the source is read. */
interface ReadsSource {
  /** The remote of the source, if its root is a directory of placeholders. */
  remote?: Remote | null;
  /** Whether it is on a network: many reads in flight, instead of one stream. */
  network: boolean;
  /** Whether the asking program reads the source at the same time: through the page cache each byte comes from the disk once. */
  shared: boolean;
  /** Whether it is on a hard disk: reading it takes less memory then. */
  slow: boolean;
}

/** Copy the source. */
export interface CopyOrder extends Order, ReadsSource {
  kind: 'copy';
  /** Chunks may come from the other hosts of this farm. */
  farm?: FarmOrder;
  /** The object of the shared store that is read instead. */
  store?: StoreOrigin;
  /** Copies of other sources of the same size; this copy may share the blocks of one of them. */
  reflinkCandidates: readonly DuplicateCopy[];
  /** Whether to compute SHA-256 too, while it costs little. */
  identity: boolean;
  /** Whether the finished copy is read back from the disk before it is published. */
  reread: boolean;
}

/** Make the copy a hard link to the first candidate with the source's bytes; nothing is written. */
export interface LinkOrder extends Order, ReadsSource {
  kind: 'link';
  /** Copies of other sources of the same size and mtime. */
  candidates: readonly DuplicateCopy[];
}

/** Copy from a copy of the same bytes: reading it takes less time and does not need the source. */
export interface RestoreOrder extends Order {
  kind: 'restore';
  origin: OriginCopy;
  /** As for `copy`. */
  reread: boolean;
}

/** Replace the copy by the compressed form of the origin. */
export interface CompressOrder extends Order {
  kind: 'compress';
  origin: OriginCopy;
  /** Maximum size of the compressed form, bytes. */
  into: number;
  /** Compressed files of the tier. */
  mayStandOn: readonly BaseFilePlace[];
}

/** The place of a compressed file. */
interface BaseFilePlace {
  path: string;
  /** Its path relative to the directory of the tier, with forward slashes. */
  file: string;
}

/** Make a file of another cache the copy, if it has the source's bytes; nothing is written. */
export interface AdoptOrder extends Order, ReadsSource {
  kind: 'adopt';
  /** Its path. */
  from: string;
  way: AdoptionWay;
  identity: boolean;
}

/** The origin, recipe and target of a variant. */
export interface DeriveTask {
  /** Path of the variant. */
  path: string;
  /** A local file with the source's bytes, and the seal of a copy; null for the source itself. */
  origin: { path: string; seal: Seal | null };
  /** SHA-256 of the source, hex; null = unknown. */
  sha256: string | null;
  recipe: Recipe;
  /** The mtime of the former variant that it replaces, ns; null = none. Any other file is left alone. */
  replaces: string | null;
}

/** Make a variant of the source, of its copy or of the source itself; it has no manifest. */
export interface DeriveOrder extends Omit<Order, 'manifestPath'>, DeriveTask {
  kind: 'derive';
  /** Maximum size of the variant, bytes. */
  into: number;
}

/** Each kind of job with its order and its report. */
interface Jobs {
  copy: { order: CopyOrder; report: CopyReport };
  link: { order: LinkOrder; report: LinkReport | null };
  restore: { order: RestoreOrder; report: CopyReport };
  compress: { order: CompressOrder; report: CopyReport };
  adopt: { order: AdoptOrder; report: CopyReport };
  derive: { order: DeriveOrder; report: DeriveReport };
}

/** Open a source and read its beginning, some MiB from all over it, or all of it. */
export interface ProbeOrder extends Pick<CopyOrder, 'id' | 'source' | 'remote' | 'network'> {
  reads: 'beginning' | 'samples' | 'whole';
}

export type JobOrder = Jobs[JobKind]['order'];

/** The worker's report on a completed order. */
export type ReportOf<O extends JobOrder> = Jobs[O['kind']]['report'];

/** A copy to read from. */
export interface OriginCopy extends CopyPlace {
  form: Form;
  seal: Seal;
  /** Hash of the source's bytes. */
  hash: string;
}

/** A copy of another source of the same size; always plain. */
export type DuplicateCopy = Omit<OriginCopy, 'form'>;

/** State of a job at its start. */
export interface CopyTerms {
  /** Whether it asks before each step. */
  paced: boolean;
  /** Whether a program waits for it. */
  urgent: boolean;
}

/** The functions of a copy worker. */
export interface CopyWorker {
  /** @throws CacheError as `runCopyJob` */
  run(order: JobOrder, terms: CopyTerms): Promise<ReportOf<JobOrder>>;
  /** @throws CacheError as `probeSource` */
  probe(order: ProbeOrder): Promise<void>;
  cancel(id: number): void;
  /** From here on a program waits for the copy, or none does. */
  hurry(id: number, urgent: boolean): void;
  /** From here on the copy asks before each step, or does not. */
  pace(id: number, paced: boolean): void;
}

/** Functions that a copy worker calls during a job. */
export interface CopyWatcher {
  progress(id: number, bytesDone: number): void;
  resuming(id: number, from: number): void;
  /** Resolves when the next step may be taken. */
  ask(id: number, bytes: number, from?: 'source' | 'peer'): Promise<void>;
  /** Reports new requests and bytes of remotes. */
  spent(spent: Spent[]): void;
  /** Resolves when others can read the noted chunks. */
  farm(id: number, note: FarmNote): Promise<void>;
}

/** A finished variant. */
export interface DeriveReport {
  /** Size of the variant's file. */
  bytes: number;
  /** SHA-256 of the source. */
  sha256: string;
  architecture: string;
  /** The lowest ratio of signal to noise of all layers, dB; null = no layer has an error. */
  leastSqnr: number | null;
  layers: number;
}

/** The copy is another name of the twin's file. */
export interface LinkReport extends CopyReport {
  twin: DuplicateCopy;
}

export interface CopyReport {
  seal: Seal;
  hash: string;
  /** Null when computing it would have slowed the copy down. */
  sha256: string | null;
  /** The bases of a compressed copy: `BaseFilePlace.file` of each; left out = none. */
  bases?: string[];
  /** Read from the open file: includes the inode, which the request may lack. */
  source: Fingerprint;
  bytes: number;
  /** Bytes taken over from an interrupted copy. */
  resumedFrom: number;
  /** The givers of its bytes, and its name in the farm; left out without one. */
  farm?: FarmReport;
  /** Set when its bytes came from the shared store. */
  fromStore?: true;
  /** Time spent reading the source, ms, without other work. For a compressed origin, all work of the restore. */
  readMs: number;
}

/** A copy that the farm helped with, before it is published. */
export type FarmCopied = Pick<CopyReport, 'hash' | 'sha256' | 'readMs' | 'resumedFrom'> & {
  chunks: string[];
  farm: FarmReport;
};
