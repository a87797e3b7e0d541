import type { ErrorCode } from '../core/errors.ts';
import type { KnownVolume } from '../media/machine.ts';
import type { FileBatch, Listing, Published, ReadSpeeds, RootFacts, StatAnswer } from './driver.ts';

/** What a reader (the child process or thread that touches sources) may know of the root a request is about. */
export interface Ground {
  root: string;
  stableInodes: boolean;
  /** Volumes of this machine, outside Linux; see `thisMachine`. */
  volumes: KnownVolume[];
}

export type ReaderRequest =
  | { op: 'stat'; id: number; ground: Ground; path: string }
  | { op: 'identify'; id: number; ground: Ground }
  | { op: 'walk'; id: number; ground: Ground; directory: string; recursive: boolean; skip: string[] }
  /** The receiver of a walk has dealt with a batch: the next one may come. */
  | { op: 'more'; id: number }
  | { op: 'watch'; id: number; ground: Ground; skip: string[]; settleMs: number }
  /** Ends a walk or a watch. */
  | { op: 'cancel'; id: number }
  | { op: 'read'; id: number; path: string }
  /** How long a small read in this file takes. */
  | { op: 'probe'; id: number; ground: Ground; path: string }
  /** How fast this file is read. */
  | { op: 'measure'; id: number; ground: Ground; path: string }
  /** Which SHA-256 somebody has published for this file. */
  | { op: 'published'; id: number; ground: Ground; path: string };

/** What ends a question. */
export type ReaderReply =
  | { op: 'stat'; id: number; answer: StatAnswer }
  | { op: 'identify'; id: number; facts: RootFacts }
  | { op: 'walked'; id: number; result: Listing }
  | { op: 'watching'; id: number; directories: number }
  | { op: 'text'; id: number; text: string | null }
  | { op: 'probe'; id: number; ms: number | null }
  | { op: 'measure'; id: number; speeds: ReadSpeeds | null }
  | { op: 'published'; id: number; published: Published | null }
  /** A thread's answer to everything that lies on another volume than the root from `at` on: it was not touched. */
  | { op: 'foreign'; id: number; at: string }
  | { op: 'failed'; id: number; code: ErrorCode; message: string };

/** What is said besides answers. */
export type ReaderEvent =
  | { op: 'files'; id: number; batch: FileBatch }
  | { op: 'changed'; id: number; directories: string[] /** Not everything is watched (any more). */; trouble: string | null }
  /** Still at work on a long question. */
  | { op: 'alive'; id: number };
