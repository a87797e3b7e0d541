import type { Remote, Spent } from '../core/remote.ts';
import type { SourceFile } from '../core/types.ts';
import type { KnownVolume } from '../media/machine.ts';
import type { FileBatch, Listing, Published, ReadSpeeds, RootFacts, StatAnswer } from './driver.ts';

/** The facts of a request's root for a reader (the child process or thread that touches sources). */
export interface Ground {
  root: string;
  /** The remote of its sources, if the root is a directory of placeholders. */
  remote?: Remote | null;
  stableInodes: boolean;
  /** Volumes of this machine, outside Linux; see `thisMachine`. */
  volumes: KnownVolume[];
}

/** A thread's answer for a path on another volume than the root, which it did not touch. */
export interface Elsewhere {
  elsewhere: string;
}

export function isElsewhere(answer: unknown): answer is Elsewhere {
  return typeof answer === 'object' && answer !== null && 'elsewhere' in answer;
}

/** The functions of a reader; they fail as the ground's driver does. `id`: of the question, for `ReaderListener`. */
export interface Reader {
  stat(ground: Ground, path: string): Promise<StatAnswer | Elsewhere>;
  identify(ground: Ground): Promise<RootFacts | Elsewhere>;
  list(id: number, ground: Ground, request: ListRequest): Promise<Listing | Elsewhere>;
  /** Resolves with the number of watched directories; the watch continues. */
  watch(id: number, ground: Ground, request: { skip: string[]; settleMs: number }): Promise<number | Elsewhere>;
  published(ground: Ground, path: string): Promise<Published | null | Elsewhere>;
  probe(ground: Ground, path: string): Promise<number | null | Elsewhere>;
  measure(ground: Ground, path: string): Promise<ReadSpeeds | null | Elsewhere>;
  readText(path: string): Promise<string | null>;
  /** The first bytes of a source. */
  head(ground: Ground, file: SourceFile, bytes: number): Promise<Uint8Array | Elsewhere>;
  /** Ends a listing or a watch. */
  cancel(id: number): void;
}

export interface ListRequest {
  directory: string;
  recursive: boolean;
  /** Restricts the listing to files that a loader of this file may open beside it. */
  beside?: string | undefined;
  /** Keys of directories that are not entered. */
  skip: string[];
}

/** Functions that a reader calls before or after its answer. */
export interface ReaderListener {
  /** Resolves when the batch is processed. */
  files(id: number, batch: FileBatch): Promise<void>;
  /** `trouble`: some directories are not watched, or no longer. */
  changed(id: number, directories: string[], trouble: string | null): void;
  /** Sign of life during a long question. */
  alive(id: number): void;
  /** Reports new requests and bytes of remotes. */
  spent(spent: Spent[]): void;
}
