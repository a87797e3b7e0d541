import type { Demand } from './demand.ts';
import type { Votes } from './votes.ts';

/** The vocabulary: types only. Every word here is the word of the design, the HTTP API, the CLI and the log. */

/** Places for copies, fastest first; `tier-traits.ts` describes each. */
export const tierNames = ['ram', 'ssd', 'cold'] as const;
export type TierName = (typeof tierNames)[number];

/** The default tier for copies of sources. */
export const defaultTier: TierName = 'ssd';

/** The medium of a source. `ssd` means that a copy on the SSD tier gains nothing. */
export const media = ['hdd', 'nas', 's3', 'ssd'] as const;
export type Medium = (typeof media)[number];

/** Whether a tier is usable. `read-only`: it serves, but takes nothing; `away`: its volume is absent or replaced by another. */
export type TierState = 'here' | 'read-only' | 'away';

export const modes = ['off', 'read-only', 'read-write'] as const;
export type Mode = (typeof modes)[number];

/** Reasons of a lookup's answer. Closed list; programs rely on the words. */
export const reasons = [
  'HIT',
  'HIT_RAM',
  'HIT_OFFLINE',
  'HIT_AFTER_WAIT',
  'COPYING',
  'QUEUED',
  'WAIT_TIMEOUT',
  'STALE',
  'BYPASS_SMALL',
  'BYPASS_LARGE',
  'BYPASS_EXCLUDED',
  'BYPASS_FAST_SOURCE',
  'BYPASS_SCAN',
  'BYPASS_UNKNOWN_ROOT',
  'NOT_ADMITTED',
  'NO_SPACE',
  'READ_ONLY',
  'OFF',
  'SOURCE_MISSING',
  'SOURCE_AWAY',
  'NOT_PERMITTED',
  'ERROR',
] as const;
export type Reason = (typeof reasons)[number];

export const purposes = ['load', 'metadata', 'scan'] as const;
/** Why the program wants the path. Only `load` counts as use and may start a copy. */
export type Purpose = (typeof purposes)[number];

/** Highest first: a file that a loader waits for precedes one that it may want next. An `idle` copy evicts only copies of less worth. */
export const priorities = ['wait', 'prefetch', 'warm', 'background', 'idle'] as const;
export type Priority = (typeof priorities)[number];

/**
 * How a job makes its copy. `copy` reads the source. `link` reads it too, and gives a second name to another source's copy with the
 * same bytes. `restore` reads a copy of the same bytes, in any form, instead of the source. `compress` reads one and writes its
 * compressed form. `adopt` takes a file of another cache. `derive` makes a variant of the model, a file of its own. Add a new kind here:
 * the compiler then names each place that must know it.
 */
export type JobKind = 'copy' | 'link' | 'restore' | 'compress' | 'adopt' | 'derive';

export const variantForms = ['auto8', 'fp8', 'int8', 'fp16', 'bf16'] as const;
/** The number format of a variant's weights; `auto8` takes for each layer the one of 8 bits that costs less. */
export type VariantForm = (typeof variantForms)[number];

export const adoptionWays = ['link', 'clone', 'move'] as const;
/** How a file of another cache becomes a copy: by a second name, on shared blocks, or by a second name in place of its first. */
export type AdoptionWay = (typeof adoptionWays)[number];

export const copyStates = ['copying', 'ready', 'stale', 'evicting'] as const;
export type CopyState = (typeof copyStates)[number];

/** Identity of a source's content without reading it: size in bytes, mtime in ns (decimal), inode where it is stable. */
export interface Fingerprint {
  size: number;
  mtimeNs: string;
  /** Time of the last change of the file or its inode, ns, decimal: no program can put it back. Left out where it was not asked for. */
  ctimeNs?: string;
  /** Decimal; null where the file system has no stable inodes or the client did not say. */
  ino: string | null;
}

/** A published copy's stat when it was sealed; checked before every answer with it. */
export interface Seal {
  size: number;
  mtimeNs: string;
  ino: string;
}

/**
 * The present state of a source. `missing`: its root answers and the file is not there. `away`: its root does not answer.
 * `denied`: the daemon may not look at it. `slow`: it answers, but later than the client waits.
 */
export type SourceState =
  | { state: 'present'; fingerprint: Fingerprint }
  | { state: 'missing' }
  | { state: 'away' | 'denied' | 'slow'; why: string };

/** One source file: its place, its use, and its stat when last checked. */
export interface SourceFile {
  /** Absolute path of the source. */
  path: string;
  /** Absolute path of the source's root. */
  root: string;
  /** Path below the root, with the platform's separators. */
  rel: string;
  category: string | null;
  fingerprint: Fingerprint;
}

/** A source file to make a copy of. */
export interface WantedFile extends SourceFile {
  medium: Medium;
}

/** One source file as the catalog knows it. */
export interface Entry extends SourceFile, Votes {
  id: number;
  uses: number;
  /** Logical time of the last use; 0 = never used. */
  lastUse: number;
  /** Wall-clock milliseconds of the last use, for people; null = never used. */
  lastUsedAt: number | null;
  pinned: boolean;
  /** Null or left out before the first use. */
  demand?: Demand | null;
}

/** How a copy holds its content; only a plain one is a file that a loader can open. */
export type Form = 'plain' | 'compressed' | 'derived';

/** Bytes by identity: sources with equal bytes have one content. */
export interface Content {
  id: number;
  /** Over the chunk hashes, see `codec/chunk-hash.ts`. */
  hash: string;
  size: number;
  /** Hex; null until computed from one of its copies. */
  sha256: string | null;
}

/** A name in a tier that serves the content of an entry. */
export interface Copy {
  id: number;
  entryId: number;
  /** The bytes on the disk: hard links are copies with one placement. */
  placement: number;
  /** Null until published. */
  content: number | null;
  tier: TierName;
  form: Form;
  path: string;
  state: CopyState;
  /** The source's fingerprint when it was copied. */
  source: Fingerprint;
  /** Wall-clock ms; null = not known. */
  createdAt: number | null;
  /** Null until published. */
  seal: Seal | null;
  /** Hash of the content; null until published. */
  hash: string | null;
  /** SHA-256 of the content, hex; null until computed from this copy's own bytes. */
  sha256: string | null;
  /** Bytes the placement takes from the tier's limit (reserved while copying). */
  bytes: number;
}

/** Measured read speed of a root, or of a tier under its name. Null = not measured yet. */
export interface ReadSpeed {
  /** Bytes per second. */
  sequential: number | null;
  smallReadMs: number | null;
}

/** A client has begun to hold a copy, or no longer does. */
export interface LeaseChange {
  copyPath: string;
  client: string;
  held: boolean;
}
