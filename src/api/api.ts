import type { JobKind, Medium, Priority, Purpose, Reason, TierName } from '../core/types.ts';
import type { JobStatus, RootHealth, ShownCopyState } from '../core/vocabulary.ts';

/** The shapes of the HTTP API: written by the daemon's routes, read by the CLI, the resolver and other programs. */

export interface LookupRequest {
  /** Absolute: the path that the program would open. May be left out when `category` and `name` are given. */
  path?: string;
  /** The client's own stat of `path`, so that the daemon needs none. */
  size?: number;
  mtimeNs?: string;
  /** Sent where ctime is the time of the last change of any kind: a program may have restored the mtime after a write. */
  ctimeNs?: string;
  category?: string;
  name?: string;
  purpose: Purpose;
  /** How long the client will wait for a copy, in ms. */
  waitMs: number;
  /** The part of it spent in earlier slices, ms; 0 when left out. */
  waitedMs?: number;
  /** Requests an answer within this many ms, `WAIT_TIMEOUT` when it is worth asking again. All slices count as one lookup. */
  sliceMs?: number;
  client: ClientInfo | null;
}

export interface ClientInfo {
  app: string;
  pid?: number;
  prompt?: string;
  node?: string;
  /** Class of that node. */
  nodeClass?: string;
  /** An identity that no other process ever has: header `X-Autocached-Process`, see `runtime/processes.ts`. */
  process?: string;
}

export interface LookupAnswer {
  /** Path to open: a copy, or the requested path. */
  path: string;
  /** A tier of autocached, the source's own medium, or null outside all roots. */
  tier: TierName | Medium | null;
  reason: Reason;
  /** Validity of the path, in ms; 0 for a path that is no copy. */
  leaseMs: number;
  /** Catalog id, null for a file that is not in the catalog. */
  entry: number | null;
  job: JobView | null;
}

export type JobState = 'queued' | 'running' | 'done' | 'failed' | 'cancelled';

export interface JobView {
  id: number;
  state: JobState;
  /** Its state with any cause of delay; `word` and `why` say it for people. */
  status: JobStatus;
  word: string;
  why: string;
  priority: Priority;
  path: string;
  category: string | null;
  /** The tier for the copy. */
  tier: TierName;
  /** How it is made, as known at this time; a `copy` may become a `link`. */
  kind: JobKind;
  bytesDone: number;
  bytesTotal: number;
  /** 0 until measured, and while nothing is copied. */
  bytesPerSecond: number;
  /** Null until it can be estimated, and while nothing is copied or the copy gives way. */
  etaMs: number | null;
  error: { code: string; message: string } | null;
}

export interface EntryView {
  id: number;
  path: string;
  root: string;
  /** Path below the root. */
  name: string;
  category: string | null;
  size: number;
  mtimeNs: string;
  uses: number;
  /** ISO 8601, null = never used. */
  lastUsedAt: string | null;
  pinned: boolean;
  leased: boolean;
  copies: {
    tier: TierName;
    path: string;
    /** `away`: it is ready, on a disk that does not answer. */
    state: ShownCopyState;
    bytes: number;
    hash: string | null;
    createdAt: string | null;
  }[];
}

export interface RootView {
  path: string;
  kind: Medium;
  /** Origin of the kind: set in the configuration, or read off the system. */
  kindFrom: 'configured' | 'detected' | 'assumed';
  categories: string[];
  origin: 'config' | 'comfyui' | 'api';
  /** `away` = does not answer, is empty or absent: an outage, never a removal. `missing` = it was never there. */
  health: RootHealth;
  why: string | null;
  files: number | null;
}

/** `POST /api/roots`: the shim's registration. */
export interface RootsRequest {
  origin?: 'comfyui' | 'api';
  roots: { path: string; category?: string; kind?: Medium }[];
}

export interface RootsAnswer {
  roots: RootView[];
}

/** Body of `DELETE /api/roots`: the roots to forget. */
export interface ForgetRootsRequest {
  paths: string[];
  /** Their copies leave too. */
  copies?: boolean;
}

export interface ForgetRootsAnswer extends RootsAnswer {
  /** The copies that left, and those that could not; null when none were to leave. */
  removed: RemovalAnswer | null;
}

/** Body of `POST /api/cache/clear`. At least one filter or `all` must be given. */
export interface ClearRequest {
  all?: boolean;
  category?: string;
  root?: string;
  /** Milliseconds since the last use. */
  olderThanMs?: number;
  largerThan?: number;
  glob?: string;
  tier?: TierName;
  dryRun?: boolean;
}

/** The outcome of removing the chosen copies; of a dry run, the expected one. */
export interface RemovalAnswer {
  dryRun: boolean;
  files: number;
  /** Number of all copies. */
  of: number;
  /** Bytes freed: copies that share their bytes with a remaining one free nothing. */
  bytes: number;
  removed: { id: number; path: string; bytes: number }[];
  /** Left in place, each with the reason: in use, pinned, or a file that could not be removed. */
  skipped: { id: number; path: string; bytes: number; why: string }[];
}

/** The entries for an operation: catalog ids, absolute paths, `category/name`, globs of these, or all below some directories. */
export interface SelectRequest {
  ids?: number[];
  paths?: string[];
  names?: string[];
  globs?: string[];
  below?: string[];
}

/** Which copies leave; `tier` = only those in this tier. */
export interface EvictRequest extends SelectRequest {
  tier?: TierName;
  dryRun?: boolean;
}

export interface WarmRequest {
  paths?: string[];
  names?: string[];
  globs?: string[];
  /** A workflow of ComfyUI's editor: its models, in load order. */
  workflow?: unknown;
  /** An API prompt; it counts if both are given. */
  prompt?: unknown;
  /** Answer when the copies are ready, at most the configured longest wait later. */
  wait?: boolean;
  /** Only report the present state, byte-exact. */
  check?: boolean;
  /** Bring the copies into the RAM tier too; without one, read them once for the page cache. */
  ram?: boolean;
  /** Number of hosts of the farm that should have the files, this one included; `all` = every host. */
  hosts?: number | 'all';
}

export interface WarmItem {
  /** As requested. */
  item: string;
  path: string | null;
  /** Tier or source medium that a lookup would answer with now; null when no such file is known. */
  tier: TierName | Medium | null;
  reason: Reason;
  ready: boolean;
  pinned: boolean;
  size: number | null;
  job: JobView | null;
  message: string | null;
  /** The word for `reason` in the present state: a file outside the queue is not called queued. */
  word: string;
  why: string;
}

export interface WarmAnswer {
  items: WarmItem[];
  ready: number;
  missing: number;
  /** Progress of the other hosts of the farm that were asked; only with `hosts` in the request. */
  hosts?: WarmHost[] | undefined;
}

/** `asked`: no answer yet; `copying`: copies are under way; `done`: each file has its outcome; `silent`: the host does not answer. */
export const warmHostStates = ['asked', 'copying', 'done', 'silent'] as const;

/** A request to another host of the farm to warm files, and its progress. */
export interface WarmHost {
  host: string;
  state: (typeof warmHostStates)[number];
  /** The files that this host should have, without outcomes unless `done`. */
  items: WarmHostItem[];
}

export interface WarmHostItem {
  /** `category/name`. */
  item: string;
  ready: boolean;
  /** Null until the host reports it. */
  reason: Reason | null;
  message: string | null;
}

export interface ConfigValue {
  key: string;
  value: string;
  /** `default`, `environment`, `flag`, `live`, or the path of the .env file. */
  from: string;
  meaning: string;
  /** True when `POST /api/cache/config` may change it. */
  live: boolean;
  /** The present value in the settings files, which counts after a restart; left out when in force. */
  pending?: string;
  /** The value after the runtime change ends; left out without such a change. */
  configured?: { value: string; from: string };
}

/** The copies that a limit would evict, and the number of all copies under it. */
export interface Leaving {
  copies: number;
  of: number;
  bytes: number;
}

/** The results that their limits would remove, and the number of all results. */
export interface LeavingResults {
  results: number;
  of: number;
  bytes: number;
}

/**
 * Answer of `GET` and `POST /api/cache/config`. With new values in its query, `GET` also reports the copies and results that would
 * leave under them, and changes nothing.
 */
export interface ConfigAnswer {
  settings: ConfigValue[];
  /** All values of a key, where they are a closed list. */
  choices?: Record<string, readonly string[]>;
  notices: string[];
  leaving?: Leaving;
  leavingResults?: LeavingResults;
}

/** New values of keys that may change at runtime, by short name: `AUTOCACHE_WAIT_MAX` is `wait_max`. */
export type ConfigChange = Partial<Record<string, string>>;

export interface LeaseAnswer {
  leases: { path: string; expiresInMs: number }[];
  /** Whether the daemon notices by itself when the client ends; if not, a client that is silent for ten minutes counts as ended. */
  seen: boolean;
}
