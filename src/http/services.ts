import type { ConfigChange, ConfigValue, Leaving, LeavingResults, RootsRequest, RootView, WarmHost } from '../api/api.ts';
import type { FarmAnswer, FarmLocateAnswer, SharedView } from '../api/farm.ts';
import type { CodeCheck, ComfyuiMode } from '../api/memo-comfyui.ts';
import type { Catalog } from '../catalog/catalog.ts';
import type { ClaimCounts, FarmFigures, PeerErrorCounts } from '../core/farm.ts';
import type { Remote } from '../core/remote.ts';
import type { Medium, Mode, SourceFile, SourceState } from '../core/types.ts';
import type { Foresight } from '../foresight/foresight.ts';
import type { Copier } from '../jobs/copier.ts';
import type { Llm } from '../llm/llm.ts';
import type { Filters } from '../lookup/filters.ts';
import type { Lookup } from '../lookup/lookup.ts';
import type { LookupStats } from '../lookup/stats.ts';
import type { Memo } from '../memo/memo.ts';
import type { Variants } from '../placement/variants.ts';
import type { Policy } from '../policy/policy.ts';
import type { Presets } from '../presets/presets.ts';
import type { Prompts } from '../prompts/prompts.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Events } from '../runtime/events.ts';
import type { Log } from '../runtime/log.ts';
import type { Evictor } from '../space/evict.ts';
import type { Tier } from '../tiers/tier.ts';
import type { Tiers } from '../tiers/tiers.ts';
import type { Accounts } from '../upkeep/accounts.ts';
import type { PublishedCheck } from '../upkeep/published.ts';
import type { Scrub } from '../upkeep/scrub.ts';
import type { WrittenFiles } from '../upkeep/written.ts';
import type { HandedOut } from '../usage/handed-out.ts';
import type { Leases } from '../usage/leases.ts';
import type { MemoryWarmer } from '../usage/memory-warmer.ts';
import type { OpenSources } from '../usage/open-sources.ts';
import type { Warmer } from '../usage/warmer.ts';
import type { Workflows } from '../workflow/workflows.ts';

/** The settings in force, and changing them. */
interface Settings {
  readonly current: {
    policy: string;
    compress: 'off' | 'cold';
    /** Whether ComfyUI should release models that it still reads from their sources. */
    comfyuiFree: 'off' | 'auto';
    memoComfyui: ComfyuiMode;
    memoCode: CodeCheck;
    memoAudit: number;
    remoteMonthly: number | null;
  };
  mode(): Mode;
  describe(): ConfigValue[];
  /** All values of a key, where they are a closed list. */
  readonly choices: Readonly<Record<string, readonly string[]>>;
  readonly notices: readonly string[];
  /** Settings in the files that are not in force, with the reason. */
  readonly warnings: readonly string[];
  /** @throws CacheError BAD_CONFIG and changes nothing. */
  change(change: ConfigChange): void;
  /** The copies that would leave after a change, null when it does not touch the limit. @throws CacheError BAD_CONFIG */
  leavingAfter(change: ConfigChange): Promise<Leaving | null>;
  /** The same of results and their limits. */
  resultsLeavingAfter(change: ConfigChange): LeavingResults | null;
}

/** A model file below a root. */
export interface KnownFile {
  path: string;
  root: string;
  rel: string;
  category: string | null;
  size: number;
}

/** The same as the roots list it. */
interface ListedSource extends KnownFile {
  /** Its medium. */
  medium: Medium;
}

interface LocatedFile extends Omit<SourceFile, 'fingerprint'> {
  medium: Medium;
  /** True when it is on a remote only. */
  isRemote?: boolean;
}

interface Roots {
  list(): RootView[];
  /** The roots that are remotes. */
  remotes(): { remote: Remote; root: RootView }[];
  /** The path as in the catalog, or null below no known root. */
  locate(path: string): LocatedFile | null;
  /** A directory as the paths of roots spell it: a root, by whichever of its names, or one with roots in it; null = neither. */
  spelled(directory: string): string | null;
  /** ComfyUI's name for it on every host; null below no known root. */
  nameOf(path: string): { category: string; name: string } | null;
  stat(located: LocatedFile, askedBy: 'command'): Promise<SourceState>;
  /** The first bytes of a source. @throws CacheError */
  head(file: SourceFile, bytes: number): Promise<Uint8Array>;
  /** The model files below the roots, asked for or not, as last found. */
  files(): Iterable<ListedSource>;
  /** Named folders that are no roots, and roots that are no longer named, one line each. */
  readonly warnings: readonly string[];
  /** @throws CacheError BAD_REQUEST when a path cannot be a root. */
  register(request: RootsRequest): Promise<RootView[]>;
  /** @returns their paths @throws CacheError NOT_FOUND, or BAD_REQUEST for roots that the settings name; then none is forgotten */
  forget(paths: readonly string[]): string[];
}

/** The hosts that share, and their contents. */
interface Farm {
  view(): Promise<Omit<FarmAnswer, 'shared'>>;
  locate(path: string): Promise<Omit<FarmLocateAnswer, 'shared'>>;
  /** Asks other hosts to copy files too. @param hosts number of hosts that should have each, this one included */
  warmOthers(
    files: readonly { name: string; path: string | null }[],
    options: { hosts: number | 'all'; check?: boolean | undefined; wait?: boolean | undefined },
  ): Promise<WarmHost[]>;
  readonly figures: FarmFigures;
  readonly claims: ClaimCounts;
  readonly peerErrors: PeerErrorCounts;
  /** Number of known hosts, this one included. */
  readonly size: number;
  readonly isDirectoryUp: boolean;
}

interface SharedStore {
  view(): SharedView;
  /** Whether it has the content of a source, as of the last look at it; null when that is not known. */
  hadLast(source: Pick<LocatedFile, 'path' | 'rel' | 'category'>): boolean | null;
  /** The same at this moment. */
  has(source: Pick<LocatedFile, 'path' | 'rel' | 'category'>): Promise<boolean | null>;
}

/** All services of the HTTP interface; each route declares its own. */
export interface Services {
  daemon: {
    version: string;
    /** See `StatsAnswer`. */
    command: string;
    /** Start by the monotonic clock, ms. */
    startedAt: number;
    cacheDir: string;
    stop(): void;
  };
  clock: Clock;
  log: Log;
  events: Events;
  settings: Settings;
  roots: Roots;
  catalog: Catalog;
  tiers: Tiers;
  accounts: Pick<Accounts, 'progress' | 'orphans' | 'dropOrphans'>;
  /** Limit and floor of a tier, bytes. */
  bound(tier: Tier): { limit: number; floor: number };
  /** Maximum bytes of categories on the SSD. */
  quotas(): ReadonlyMap<string, number>;
  /** Maximum bytes of variants. */
  variantsLimit(): number;
  policy(): Policy;
  /** Selects the sources that are cached at all. */
  filters: Filters;
  lookup: Lookup;
  lookupStats: LookupStats;
  leases: Leases;
  handedOut: HandedOut;
  openSources: OpenSources;
  warmer: Warmer;
  memoryWarmer: MemoryWarmer;
  workflows: Workflows;
  foresight: Foresight;
  copier: Copier;
  /** Pending cost of narrower bounds. */
  limitKeeper: { readonly warning: string | null };
  evictor: Evictor;
  scrub: Scrub;
  memo: Memo;
  /** Pending cost of limits of results; null = none. */
  memoBounds: { readonly warning: string | null };
  /** Null when no language model's server is configured. */
  llm: Llm | null;
  prompts: Prompts;
  /** Null without a farm. */
  farm: Farm | null;
  /** The shared store; null = none. */
  sharedStore: SharedStore | null;
  presets: Presets;
  published: PublishedCheck;
  written: WrittenFiles;
  variants: Variants;
}
