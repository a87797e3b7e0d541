import type { ClientInfo, JobView, LookupRequest } from '../api/api.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { CacheError } from '../core/errors.ts';
import type { Copy, Entry, Medium, Mode, Priority, SourceFile, SourceState, TierName } from '../core/types.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Log } from '../runtime/log.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Decision } from './decide.ts';
import type { Filters } from './filters.ts';
import type { LookupStats } from './stats.ts';

/** A path below a root, as the registry of roots sees it. */
export interface Located {
  /** Canonical source path: aliases and doubled names collapse here. */
  path: string;
  root: string;
  rel: string;
  category: string | null;
  medium: Medium;
}

/** A copy on its way, as much of it as a lookup needs. */
export interface CopyInProgress {
  readonly state: JobView['state'];
  readonly ended: Promise<void>;
  view(): JobView;
}

/** What was measured, or is assumed until then: bytes per second of large reads, ms of one small read. */
interface MeasuredSpeeds {
  of(root: string, medium: Medium): number;
  ofTier(tier: TierName): number;
  smallReadMs(root: string, medium: Medium): number;
}

/** `loader`: a program stands still until it has its path. `command`: somebody plans ahead, and a disk may spin up for it. */
export type Patience = 'loader' | 'command';

/** What a lookup is given by the daemon. */
export interface LookupDeps {
  catalog: Catalog;
  tiers: Tiers;
  locate(path: string): Located | null;
  /** Where a category's file of that name may be, best first. */
  candidates(category: string, name: string): Located[];
  /** Asks the source itself, bounded by a deadline that suits who waits. */
  statSource(located: Located, patience: Patience): Promise<SourceState>;
  /** Null when all of it is there already. */
  requestCopy(request: { file: SourceFile; priority: Priority; medium: Medium }): CopyInProgress | null;
  /** False while files that loaders open beside this one have no copies in that tier. */
  isComplete(path: string, tier: TierName): boolean;
  /** A copy was handed out: what is opened beside it is in use too. */
  onServed(path: string, tier: TierName, lease: (copyPath: string) => void): void;
  activeJob(path: string): CopyInProgress | undefined;
  recentFailure(path: string): CacheError | undefined;
  /** Told of whatever made a lookup fail. */
  onTrouble(error: unknown): void;
  /** Takes a copy out of service whose file is not what was sealed. */
  onDamaged(copy: Copy, entry: Entry, verdict: 'gone' | 'changed'): void;
  /** Told of every load that was answered. */
  onLoad?(request: LookupRequest): void;
  /** Seconds that serving `bytes` from `tier` saves over their source. */
  secondsSaved(located: Located, tier: TierName, bytes: number): number;
  mode(): Mode;
  filters: Filters;
  limit(): number;
  /** Whether a miss waits for its copy: always, never, or when that is estimated to be the faster way. */
  onMiss: 'wait' | 'background' | 'auto';
  /** Longest wait, ms. */
  waitMaxMs: number;
  speeds: MeasuredSpeeds;
  /** Bytes that must be copied before a copy from there, or a restore, can start. */
  bytesAhead(located: Located, restore: boolean): number;
  /** Most bytes per second that copying may read there, null = no bound. */
  rateFor(medium: Medium): number | null;
  leases: { grant(copyPath: string, client: ClientInfo | null): number };
  stats: LookupStats;
  clock: Clock;
  log: Log;
}

/** What is known about a file that was asked for, and what follows from it. Examining changes nothing. */
export interface Examination {
  located: Located;
  entry: Entry | undefined;
  source: SourceState;
  copy: Copy | null;
  cold: Copy | null;
  damaged: { copy: Copy; verdict: 'gone' | 'changed' } | null;
  decision: Decision;
}
