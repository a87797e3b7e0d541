import type { KnownVolume } from '../media/machine.ts';
import type { FileBatch, Listing, Published, ReadSpeeds, RootFacts, StatAnswer } from './driver.ts';

/** What a reader (the child process or thread that touches sources) may know of the root a question is about. */
export interface Ground {
  root: string;
  stableInodes: boolean;
  /** Volumes of this machine, outside Linux; see `thisMachine`. */
  volumes: KnownVolume[];
}

/** A thread's answer to everything that lies on another volume than the root, from this path on: it was not touched. */
export interface Elsewhere {
  elsewhere: string;
}

export function isElsewhere(answer: unknown): answer is Elsewhere {
  return typeof answer === 'object' && answer !== null && 'elsewhere' in answer;
}

/** The functions of a reader; they fail as the driver of the ground does. `id`: of the question, for `ReaderListener`. */
export interface Reader {
  stat(ground: Ground, path: string): Promise<StatAnswer | Elsewhere>;
  identify(ground: Ground): Promise<RootFacts | Elsewhere>;
  list(id: number, ground: Ground, request: ListRequest): Promise<Listing | Elsewhere>;
  /** Resolves with the number of watched directories, and goes on. */
  watch(id: number, ground: Ground, request: { skip: string[]; settleMs: number }): Promise<number | Elsewhere>;
  published(ground: Ground, path: string): Promise<Published | null | Elsewhere>;
  probe(ground: Ground, path: string): Promise<number | null | Elsewhere>;
  measure(ground: Ground, path: string): Promise<ReadSpeeds | null | Elsewhere>;
  readText(path: string): Promise<string | null>;
  /** Ends a listing or a watch. */
  cancel(id: number): void;
}

export interface ListRequest {
  directory: string;
  recursive: boolean;
  /** Keys of directories that are not entered. */
  skip: string[];
}

/** Functions that a reader calls before or after its answer. */
export interface ReaderListener {
  /** Resolves when the batch has been dealt with. */
  files(id: number, batch: FileBatch): Promise<void>;
  /** `trouble`: not everything is watched (any more). */
  changed(id: number, directories: string[], trouble: string | null): void;
  /** Still at work on a long question. */
  alive(id: number): void;
}
