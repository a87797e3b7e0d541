import { z } from 'zod';
import {
  type ConfigAnswer,
  type ConfigValue,
  type LookupAnswer,
  type WarmAnswer,
  type WarmHost,
  warmHostStates,
} from '../../api/api.ts';
import type { LibraryAnswer } from '../../api/dashboard.ts';
import type { EntriesAnswer, SourcesAnswer } from '../../api/entries.ts';
import type { ExplainAnswer } from '../../api/explain.ts';
import type { MissesAnswer } from '../../api/loads.ts';
import type { PinAnswer, PinnedAnswer } from '../../api/pins.ts';
import type { DailyTotals, Percentiles, QuotaUse, StatsAnswer, TierStats } from '../../api/stats.ts';
import type { TakeOverAnswer } from '../../api/take-over.ts';
import type { VerifyAnswer } from '../../api/verify.ts';
import type { WrittenAnswer } from '../../api/written.ts';
import { modes, purposes, reasons, tierNames } from '../../core/types.ts';
import { libraryStates } from '../../core/vocabulary.ts';
import {
  count,
  entryFields,
  entryView,
  fileItem,
  jobView,
  path,
  remoteView,
  rootView,
  sharedView,
  skippedItem,
  tierOrMedium,
  tierUse,
  warmItem,
} from './answers.ts';
import { configValue, memoStats } from './memo-answers.ts';

/** Shapes of answers about the cache. */

export const lookupAnswer: z.ZodType<LookupAnswer> = z.strictObject({
  path,
  tier: tierOrMedium.nullable(),
  reason: z.enum(reasons),
  leaseMs: z.number(),
  entry: z.int().nullable(),
  job: jobView.nullable(),
});

export const missesAnswer: z.ZodType<MissesAnswer> = z.strictObject({
  since: z.string(),
  start: z.string().nullable(),
  loads: count,
  footprint: count,
  limit: count,
  policy: z.string(),
  points: z.array(z.strictObject({ bytes: count, seconds: z.number(), misses: count })),
  more: z.strictObject({ bytes: count, seconds: z.number() }).nullable(),
  cold: z
    .strictObject({
      isOn: z.boolean(),
      saves: z.number(),
      restores: count,
      written: z.int(),
      restoreSpeed: z.number(),
      measured: z.boolean(),
      ratio: z.number(),
      change: z.enum(['cold', 'off']).nullable(),
    })
    .nullable(),
  sampled: z.number().min(0).max(1),
});

export const explainAnswer: z.ZodType<ExplainAnswer> = z.strictObject({
  path,
  entry: entryView.nullable(),
  root: rootView.nullable(),
  remote: remoteView.exactOptional(),
  shared: z.boolean().exactOptional(),
  fromShared: z.boolean().exactOptional(),
  toldWishes: z.number().exactOptional(),
  leases: z.array(z.strictObject({ client: z.string(), expiresInMs: z.number() })),
  decisions: z.array(
    z.strictObject({
      at: z.string(),
      reason: z.enum(reasons),
      purpose: z.enum(purposes),
      app: z.string().nullable(),
    }),
  ),
  score: z.number().nullable(),
  foreseen: z.strictObject({ probability: z.number(), reasons: z.array(z.string()) }).exactOptional(),
  sha256: z.string().nullable(),
  farm: z
    .strictObject({
      content: z.string(),
      from: z.strictObject({ originBytes: count, peers: z.record(z.string(), count) }).nullable(),
    })
    .exactOptional(),
  published: z.strictObject({ sha256: z.string(), from: path, same: z.boolean().nullable() }).nullable(),
  now: z.strictObject({ reason: z.enum(reasons), path, word: z.string(), why: z.string() }),
  meant: z.string().nullable(),
  standsOn: z.array(path).exactOptional(),
  baseOf: z.array(path).exactOptional(),
  variants: z
    .array(
      z.strictObject({
        path,
        name: z.string(),
        category: z.string(),
        state: z.enum(['waiting', 'making', 'ready', 'stale', 'failed']),
        bytes: count,
        worst: z.array(
          z.strictObject({ name: z.string(), format: z.string(), sqnr: z.number().nullable(), worst: z.number() }),
        ),
      }),
    )
    .exactOptional(),
});

const tier: z.ZodType<TierStats> = z.strictObject({
  ...tierUse,
  tier: z.enum(tierNames),
  state: z.enum(['here', 'read-only', 'away']),
  files: count,
  bytes: count,
  represented: count,
  ratio: z.number().nullable(),
  standing: z.strictObject({ files: count, bytes: count, represented: count }).exactOptional(),
  reserved: count,
  outside: count,
  limit: count,
  free: count,
  floor: count,
  utilisation: z.number().min(0).max(1),
});

const percentiles: z.ZodType<Percentiles> = z.strictObject({ p50: z.number(), p95: z.number(), p99: z.number() });

const day: z.ZodType<DailyTotals> = z.strictObject({
  day: z.string(),
  hits: count,
  misses: count,
  hitBytes: count,
  missBytes: count,
  bytesCopied: count,
  evictions: count,
  evictedBytes: count,
  secondsSaved: z.number(),
});

const quotaUse: z.ZodType<QuotaUse> = z.strictObject({ category: z.string(), bytes: count, limit: count });

export const stats: z.ZodType<StatsAnswer> = z.strictObject({
  version: z.string(),
  pid: z.int(),
  command: z.string(),
  mode: z.enum(modes),
  policy: z.string(),
  dir: path,
  uptimeMs: count,
  lookups: count,
  hits: count,
  misses: count,
  hitRate: z.number().nullable(),
  byteHitRate: z.number().nullable(),
  hitBytes: count,
  missBytes: count,
  evictions: count,
  bytesCopied: count,
  secondsSaved: z.number(),
  mismatched: count,
  latencyMs: z.strictObject({ hit: percentiles, miss: percentiles }),
  tiers: z.array(tier),
  shared: sharedView.exactOptional(),
  quotas: z.array(quotaUse).optional(),
  variants: z.strictObject({ files: count, bytes: count, limit: count }).optional(),
  roots: z.array(rootView),
  jobs: z.strictObject({ running: count, queued: count }),
  accounting: z.strictObject({ seen: count }).nullable(),
  orphans: z.array(z.strictObject({ path, bytes: count, purged: z.boolean() })),
  stuck: z.array(z.strictObject({ path, size: count, app: z.string(), pid: z.int() })),
  written: z.strictObject({ files: count, bytes: count }),
  warnings: z.array(z.string()),
  memo: memoStats,
  daily: z.array(day),
});

const leaving = { of: count, bytes: count };
export const configAnswer: z.ZodType<ConfigAnswer> = z.strictObject({
  settings: z.array(configValue satisfies z.ZodType<ConfigValue>),
  choices: z.record(z.string(), z.array(z.string()).readonly()).exactOptional(),
  notices: z.array(z.string()),
  leaving: z.strictObject({ copies: count, ...leaving }).exactOptional(),
  leavingResults: z.strictObject({ results: count, ...leaving }).exactOptional(),
});

export const entriesAnswer: z.ZodType<EntriesAnswer> = z.strictObject({
  total: count,
  entries: z.array(
    z.strictObject({
      ...entryFields,
      shared: z.boolean().exactOptional(),
      use: z.array(z.strictObject({ ...tierUse, tier: z.enum(tierNames) })),
    }),
  ),
});
export const sourcesAnswer: z.ZodType<SourcesAnswer> = z.strictObject({
  total: count,
  files: z.array(z.strictObject({ path, root: path, name: z.string(), category: z.string().nullable(), size: count })),
});
const warmHost: z.ZodType<WarmHost> = z.strictObject({
  host: z.string(),
  state: z.enum(warmHostStates),
  items: z.array(
    z.strictObject({
      item: z.string(),
      ready: z.boolean(),
      reason: z.enum(reasons).nullable(),
      message: z.string().nullable(),
    }),
  ),
});

export const warmAnswer: z.ZodType<WarmAnswer> = z.strictObject({
  items: z.array(warmItem),
  ready: count,
  missing: count,
  hosts: z.array(warmHost).optional(),
});
const pinRules = { directories: z.array(path), globs: z.array(z.string()), categories: z.array(z.string()) };
export const pinAnswer: z.ZodType<PinAnswer> = z.strictObject({
  entries: z.array(entryView),
  ...pinRules,
  kept: z.array(entryView),
});
export const pinnedAnswer: z.ZodType<PinnedAnswer> = z.strictObject(pinRules);

export const verifyAnswer: z.ZodType<VerifyAnswer> = z.strictObject({
  files: count,
  bytes: count,
  damaged: z.array(skippedItem.extend({ copy: path, tier: z.enum(tierNames), chunks: z.array(count), recopied: z.boolean() })),
  sound: z.array(fileItem).exactOptional(),
  mismatched: z.array(fileItem.extend({ sha256: z.string(), published: z.string(), from: path })),
  skipped: z.array(skippedItem),
});

export const takeOverAnswer: z.ZodType<TakeOverAnswer> = z.strictObject({
  items: z.array(
    z.strictObject({
      from: path,
      size: count,
      path: path.nullable(),
      state: z.enum(['compared', 'cached', 'left']),
      why: z.string().nullable(),
      job: jobView.nullable(),
    }),
  ),
});

export const writtenAnswer: z.ZodType<WrittenAnswer> = z.strictObject({
  files: z.array(
    z.strictObject({
      path,
      source: path,
      root: path,
      bytes: count,
      mtimeNs: z.string(),
      was: z
        .strictObject({ size: count, mtimeNs: z.string(), ctimeNs: z.string().exactOptional(), ino: z.string().nullable() })
        .nullable(),
    }),
  ),
});

const share = z.strictObject({ name: z.string(), files: count, bytes: count, cached: count, cachedBytes: count });
export const library: z.ZodType<LibraryAnswer> = z.strictObject({
  total: count,
  bytes: count,
  files: z.array(
    z.strictObject({
      id: z.int().nullable(),
      path,
      root: path,
      name: z.string(),
      category: z.string().nullable(),
      size: count,
      state: z.enum(libraryStates),
      word: z.string(),
      why: z.string(),
      tiers: z.array(z.enum(tierNames)),
      uses: count,
      lastUsedAt: z.string().nullable(),
      pinned: z.boolean(),
    }),
  ),
  all: count,
  categories: z.array(share),
  folders: z.array(share),
  states: z.array(z.strictObject({ name: z.enum(libraryStates), files: count })),
});
