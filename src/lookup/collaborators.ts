import type { ClientInfo, JobView } from '../api/api.ts';
import type { CacheError } from '../core/errors.ts';
import type {
  Copy,
  Entry,
  Fingerprint,
  Medium,
  Mode,
  Priority,
  SourceState,
  TierName,
  TierState,
  WantedFile,
} from '../core/types.ts';
import type { Decision } from './decide.ts';
import type { Filters } from './filters.ts';

/** A path below a root, as located by the registry of roots. */
export interface Located {
  /** Canonical source path: aliases and doubled names collapse here. */
  path: string;
  root: string;
  rel: string;
  category: string | null;
  medium: Medium;
  /** The model is only on a remote: its path is that of a placeholder, which no program can open. */
  isRemote?: boolean;
}

/** `loader`: a program waits for its path. `command`: a user plans ahead, and a disk may spin up for it. */
export type AskedBy = 'loader' | 'command';

/** Locates sources and reports their state. */
export interface Sources {
  /** Null below no known root. */
  locate(path: string): Located | null;
  /** The possible places of a category's file of that name, best first. */
  candidates(category: string, name: string): Located[];
  /** The category and name by which `candidates` finds a file; null when it has none. */
  nameOf(path: string): { category: string; name: string } | null;
  /** Asks the source itself, within a deadline that suits the caller. */
  stat(located: Located, askedBy: AskedBy): Promise<SourceState>;
}

/** A copy in progress, as seen by a lookup. */
export interface CopyInProgress {
  readonly state: JobView['state'];
  readonly ended: Promise<void>;
  /** Waits for its end, at most `ms`. While no caller does, no program waits for the copy, whatever its priority was. */
  awaited(ms: number): Promise<void>;
  view(): JobView;
}

/** Has copies made, and knows the ones in progress. */
export interface Planner {
  /** Null when nothing is missing. */
  request(file: WantedFile, priority: Priority): CopyInProgress | null;
  /** Has the copies of a source, and of its companions, copied into the RAM tier; left out where there is none. */
  promote?(path: string, priority: Priority): CopyInProgress[];
  activeJob(path: string): CopyInProgress | undefined;
  /** Why a copy of this source is not yet retried. */
  recentFailure(path: string): CacheError | undefined;
  /** The last known fingerprint of a source whose content other hosts or the shared store may give; null when they cannot. */
  withoutSource?(source: Pick<Located, 'path' | 'rel' | 'category'>): Fingerprint | null;
  /** Bytes that must be copied before a copy from there, or a restore, can start. */
  bytesAhead(located: Located, restore: boolean): number;
  /** False while files that loaders open beside this one have no copies in that tier. */
  isComplete(path: string, tier: TierName): boolean;
  /**
   * To be called when a copy was served: copies that its loader may open beside it go to `given`; the loader requires the
   * `needed` ones.
   */
  handedOut(path: string, tier: TierName, given: (copy: { path: string; source: string; needed: boolean }) => void): void;
}

/** Read speeds, measured or, until then, assumed. */
export interface Speeds {
  /** Bytes per second of large reads from a root. */
  of(root: string, medium: Medium): number;
  /** Bytes per second of large reads from a tier. */
  ofTier(tier: TierName): number;
  /** One small read somewhere in a file, ms. */
  smallReadMs(root: string, medium: Medium): number;
  /** Seconds that reading `bytes` from a tier saves over reading them from their source. */
  secondsSaved(source: { root: string; medium: Medium }, tier: TierName, bytes: number): number;
}

/** Promises to clients that a copy stays in its place. */
export interface Leases {
  /** @returns the time for which the path stays valid, ms */
  grant(copyPath: string, client: ClientInfo | null): number;
}

/** Which programs were given which paths. */
export interface HandedOut {
  note(copyPath: string, sourcePath: string, client: ClientInfo | null): void;
}

/** The settings for lookups; functions stand for settings that may change at runtime. */
export interface LookupOptions {
  mode(): Mode;
  /** Limit of the SSD tier, bytes. */
  limit(): number;
  /** Maximum bytes per second that copies read from this medium, null = no limit. */
  rateFor(medium: Medium): number | null;
  filters: Filters;
  /** Whether nodes of this class depend on the place of a model, and so get its own path. */
  wantsOwnPath(nodeClass: string): boolean;
  /** Whether models of waiting prompts are copied ahead; left out = they are. */
  prefetches?(): boolean;
  /** Whether the tier that sources are copied to can take a copy now. */
  cacheState(): TierState;
  /** Whether a miss waits for its copy: always, never, or when the estimate says that this is faster. */
  onMiss: 'wait' | 'background' | 'auto';
  /** Longest wait, ms. */
  waitMaxMs: number;
}

/** The copies of one source that pass their check. */
export interface UsableCopies {
  entry: Entry | undefined;
  /** The copy to serve. */
  copy: Copy | null;
  /** The compressed one, which must be restored before it can be served. */
  cold: Copy | null;
  /** A copy in service whose file does not match its seal. */
  damaged: { copy: Copy; verdict: 'gone' | 'changed' } | null;
}

/** All known facts of a requested file, and the decision on it. Examining changes nothing. */
export interface Examination extends UsableCopies {
  located: Located;
  source: SourceState;
  /** The copy of it that is queued or running. */
  job: CopyInProgress | null;
  decision: Decision;
  /** No mode is the reason for `OFF`: the disk of the cache is away. */
  isCacheAway: boolean;
}
