import type { MemoMode } from '../api/memo.ts';
import type { CodeCheck, ComfyuiMode } from '../api/memo-comfyui.ts';
import type { FarmTrust } from '../core/farm.ts';
import type { RedisServers } from '../core/redis-servers.ts';
import type { Remote, SharedStore } from '../core/remote.ts';
import type { Medium, Mode } from '../core/types.ts';
import type { LogOptions } from '../runtime/log.ts';

/** An amount of a volume: bytes, a share of the volume's size (0..1), or the daemon's choice. */
export type Amount = { kind: 'auto' } | { kind: 'bytes'; bytes: number } | { kind: 'share'; share: number };

/** A value for everything, and exceptions for some keys (categories or media). `null` = no bound. */
export interface Bounds<K extends string, V> {
  overall: V;
  by: Partial<Record<K, V>>;
}

export const policyNames = ['heat', 'lru', 'lfu', 'adaptive'] as const;
type PolicyName = (typeof policyNames)[number];

/** Copies ahead of requests: none, of the open workflow, or also of models that usually come next. */
export const predictModes = ['off', 'queue', 'learn'] as const;
type PredictMode = (typeof predictModes)[number];

/** The whole configuration, typed and checked. Bytes, milliseconds and bytes per second throughout. */
export interface Config {
  /** Cache directory on the SSD. Absolute. */
  dir: string;
  /** State directory: catalog, token, lock, daemon.json. Absolute. */
  stateDir: string;
  limit: Amount;
  minFree: Amount;
  roots: { path: string; kind: Medium | null }[];
  comfyui: string[];
  /** URL of the ComfyUI whose queue is watched; null = none. Ends with `/`. */
  comfyuiUrl: string | null;
  /** `auto`: ComfyUI unloads models that it still reads from their sources, once their copies are ready and it is idle. */
  comfyuiFree: 'off' | 'auto';
  /** Classes of nodes that get a model's own path, in addition to those known to need it. */
  comfyuiOwnPath: string[];
  remotes: Remote[];
  /** Interval between two listings of a remote. */
  remoteListMs: number;
  /** Maximum bytes read from one remote in a month, except when a program waits for them; null = no limit. */
  remoteMonthly: number | null;
  mode: Mode;
  onMiss: 'background' | 'wait' | 'auto';
  waitMaxMs: number;
  minSize: Bounds<string, number>;
  maxSize: Bounds<string, number | null>;
  /** Globs over the absolute path, the path below the root and the base name; empty = everything. */
  include: string[];
  exclude: string[];
  /** Empty = all. */
  categories: string[];
  policy: PolicyName;
  /** Quotas by category; shares refer to the limit. */
  quotas: Partial<Record<string, Amount>>;
  /** Idle time after which copies are evicted; null = never. */
  maxAgeMs: number | null;
  /** Shares of the limit, 0..1: above the first one, copies leave down to the second. */
  highWater: number;
  lowWater: number;
  /** A share refers to the limit. */
  variantsLimit: Amount;
  predict: PredictMode;
  jobs: number;
  jobsPerSource: Partial<Record<Medium, number>>;
  /** `peer`: from the other hosts of a farm. */
  rate: Bounds<Medium | 'peer', number | null>;
  /** Whether copies that no program waits for give way to others on the same disk. */
  polite: boolean;
  dailyWrites: number | null;
  compress: 'off' | 'cold';
  /** Null = not set; see `ramTierOf`. */
  ramDir: string | 'off' | null;
  /** A share refers to the memory available at start. */
  ramLimit: Amount | 'off' | null;
  /** Share of that limit to which the RAM tier is trimmed, 0..1. */
  ramSoft: number;
  verify: 'stream' | 'reread';
  /** Period of re-reading every copy; null = never. */
  scrubMs: number | null;
  /** Results: found and stored, only found, or neither. */
  memo: MemoMode;
  memoLimit: Amount;
  /** Maximum bytes of results in the daemon's memory. */
  memoRam: number;
  /** Maximum number of results. */
  memoItems: number;
  /** Maximum bytes of one result. */
  memoMaxValue: number;
  /** Time for which a result is fresh, and after that served stale. Null = without end. */
  memoTtlMs: number | null;
  memoStaleMs: number;
  /** Outputs of ComfyUI's nodes that are kept, and how its code is identified. */
  memoComfyui: ComfyuiMode;
  memoCode: CodeCheck;
  /** One in this number of outputs is computed again; 0 = none. */
  memoAudit: number;
  /** The Redis that shares results with other machines; null = none. */
  memoRedis: RedisServers | null;
  /** Maximum number of compiled graphs of presets. */
  presetGraphs: number;
  /** Base address of an OpenAI-compatible API, such as `http://127.0.0.1:8080/v1/`; null = none. */
  llmUrl: string | null;
  /** Maximum silence of that server; null = no timeout. */
  llmTimeoutMs: number | null;
  /** An OpenAI-compatible server that gives the vectors of texts; null = none. */
  embeddingsUrl: string | null;
  embeddingsModel: string;
  /** A file with the key that this server wants; null = it wants none. */
  embeddingsKeyFile: string | null;
  /** The Redis of the farm; null = this host shares with none. */
  farm: RedisServers | null;
  farmName: string;
  /** The listener for the other hosts; null = this one only takes. Port 0 = any free one. */
  farmListen: { host: string; port: number } | null;
  /** Address at which they reach it, such as `https://gpu1.lan:8390`; null = by this machine's address. */
  farmUrl: string | null;
  /** The file with the secret of the farm; null = `farm.key` in the state directory, see `farmKeyFile`. */
  farmKey: string | null;
  /** Runs of chunks that the whole farm reads at once from one origin. */
  farmOriginReads: Record<Medium, number>;
  /** Maximum bytes per second to other hosts; null = no limit. */
  farmUpload: number | null;
  /** Copies of a file in the whole farm that eviction spares while others can leave. */
  farmKeep: number;
  farmTrust: FarmTrust;
  /** Maximum size of a file that the farm's Redis holds too; null = it holds none. */
  farmSmall: number | null;
  /** The store that hosts share copies in; null = none. */
  shared: SharedStore | null;
  listen: { host: string; port: number };
  /** Further names that it answers to, in lower case; without a port, at its own one. */
  hosts: readonly string[];
  log: LogOptions;
  /** Group whose members may use the cache, by name or number; null = this user alone. */
  group: string | null;
}

/** One configuration value as shown by `config` and `GET /api/cache/config`. */
export interface Setting {
  key: string;
  value: string;
  /** `default`, `environment`, `flag`, or the path of the .env file; for an alias followed by its name in parentheses. */
  from: string;
  meaning: string;
  /** True when it may change at runtime. */
  live: boolean;
  /** The present value in the files, which counts after a restart; left out when in force. */
  pending?: string;
  /** The value after the runtime change ends; left out without such a change. */
  configured?: { value: string; from: string };
}
