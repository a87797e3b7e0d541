import { z } from 'zod';
import type { ConfigValue } from '../../api/api.ts';
import {
  type MemoConfigAnswer,
  type MemoEntriesAnswer,
  type MemoExplainAnswer,
  type MemoFound,
  type MemoNamespaceSettings,
  type MemoNamespaceView,
  type MemoRefusal,
  type MemoRemoval,
  type MemoSharedStats,
  type MemoStats,
  type MemoTaken,
  type MemoTotals,
  type MemoWarmAnswer,
  memoModes,
  memoNormaliseRules,
} from '../../api/memo.ts';
import { count, path } from './answers.ts';

/** Shapes of answers about results. Their types in `api/memo.ts` describe each field. */

const value: z.ZodType<ConfigValue> = z.strictObject({
  key: z.string(),
  value: z.string(),
  from: z.string(),
  meaning: z.string(),
  live: z.boolean(),
  pending: z.string().exactOptional(),
  configured: z.strictObject({ value: z.string(), from: z.string() }).exactOptional(),
});
export const configValue = value.meta({ id: 'Setting' });

const kind = z.enum(['json', 'bytes', 'files', 'doc']);
const found = z.enum(['hit', 'stale', 'miss']);
const refusals = [
  'NOT_WORTH',
  'NO_SPACE',
  'TOO_LARGE',
  'READ_ONLY',
  'BUSY',
  'OFF',
  'DISAGREES',
  'NEGATIVE',
  'INVALIDATED',
] as const satisfies MemoRefusal[];
export const refusal = z.enum(refusals);

const totals = {
  hits: count,
  stale: count,
  misses: count,
  coalesced: count,
  stores: count,
  rejected: count,
  evictions: count,
  disagreements: count,
  alike: count,
  bytesIn: count,
  bytesOut: count,
  secondsSaved: z.number(),
} satisfies Record<keyof MemoTotals, z.ZodType>;

const shared: z.ZodType<MemoSharedStats> = z.strictObject({
  state: z.enum(['connecting', 'up', 'away']),
  why: z.string().nullable(),
  hits: count,
  misses: count,
  skipped: count,
  failed: count,
  damaged: count,
  stored: count,
  removed: count,
  refused: count,
  owed: count,
});

const stats: z.ZodType<MemoStats> = z.strictObject({
  ...totals,
  hit_rate: z.string(),
  current_items: count,
  current_memory_mb: z.number(),
  max_items: count,
  max_memory_mb: z.number(),
  memory_utilization: z.string(),
  mode: z.enum(memoModes),
  state: z.enum(['here', 'read-only', 'away']),
  bytes: count,
  limit: count,
  reserved: count,
  blobs: count,
  layers: z.strictObject({ ram: count, disk: count, redis: count, computation: count }),
  shared: shared.nullable(),
  ram: z.strictObject({ items: count, bytes: count, limit: count }),
  refusedLate: count,
  computing: count,
  waiting: count,
  comparisons: z.strictObject({
    agreed: count,
    disagreed: count,
    unrepeatable: z.array(z.strictObject({ class: z.string(), at: z.number().nullable() })),
  }),
});
export const memoStats = stats.meta({ id: 'MemoStats' });

const blobFields = { sha256: z.string(), size: count, path };
const foundFields = {
  key: z.string(),
  kind: kind.exactOptional(),
  value: z.unknown().exactOptional(),
  path: path.exactOptional(),
  sha256: z.string().exactOptional(),
  size: count.exactOptional(),
  contentType: z.string().exactOptional(),
  files: z.array(z.strictObject({ ...blobFields, name: z.string(), contentType: z.string().exactOptional() })).exactOptional(),
  blobs: z.array(z.strictObject(blobFields)).exactOptional(),
  ageMs: z.number().exactOptional(),
  similar: z
    .strictObject({ key: z.string(), similarity: z.number(), by: z.enum(['normalised', 'verified', 'threshold']) })
    .exactOptional(),
};
const foundAnswer: z.ZodType<MemoFound> = z.strictObject({ ...foundFields, state: found });
export const memoFound = foundAnswer.meta({ id: 'MemoFound' });

export const memoTaken: z.ZodType<MemoTaken> = z.union([
  z.strictObject({ ...foundFields, state: z.enum(['hit', 'stale']), refresh: z.string().exactOptional() }),
  z.strictObject({ state: z.literal('compute'), lease: z.string(), leaseMs: z.number(), fence: z.int() }),
  z.strictObject({ state: z.literal('timeout') }),
  z.strictObject({ state: z.literal('error'), error: z.string() }),
]);

export const memoRemoval: z.ZodType<MemoRemoval> = z.strictObject({ removed: count, bytes: count });

const entry = z
  .strictObject({
    ns: z.string(),
    key: z.string(),
    kind,
    bytes: count,
    costMs: z.number().nullable(),
    ageMs: z.number(),
    freshForMs: z.number().nullable(),
    endsInMs: z.number().nullable(),
    hits: count,
    lastHitAt: z.number().nullable(),
    tags: z.array(z.string()),
    label: z.string().nullable(),
  })
  .meta({ id: 'MemoEntry' });
export const memoEntries: z.ZodType<MemoEntriesAnswer> = z.strictObject({ total: count, entries: z.array(entry) });

export const memoConfigAnswer: z.ZodType<MemoConfigAnswer> = z.strictObject({
  max_items: count,
  max_memory_mb: z.number(),
  settings: z.array(configValue),
});

export const memoWarmAnswer: z.ZodType<MemoWarmAnswer> = z.strictObject({
  items: z.array(
    z.strictObject({
      ns: z.string(),
      key: z.string(),
      state: z.enum(['hit', 'stale', 'miss', 'stored', 'queued']),
      reason: refusal.exactOptional(),
      error: z.string().exactOptional(),
    }),
  ),
});

const modes = ['normalise', 'suggest', 'verified', 'threshold'] as const;
const settings: z.ZodType<MemoNamespaceSettings> = z.strictObject({
  maxItems: count.exactOptional(),
  maxBytes: count.exactOptional(),
  ttlMs: z.number().nullable().exactOptional(),
  staleMs: z.number().exactOptional(),
  negativeTtlMs: z.number().exactOptional(),
  semantic: z
    .strictObject({
      mode: z.enum(modes),
      normalise: z.array(z.enum(memoNormaliseRules)).exactOptional(),
      wrong: z.number().exactOptional(),
      threshold: z.number().exactOptional(),
      acceptWrongAnswers: z.literal(true).exactOptional(),
    })
    .exactOptional(),
});
const namespace: z.ZodType<MemoNamespaceView> = z.strictObject({
  name: z.string(),
  version: z.string(),
  epoch: z.int(),
  items: count,
  bytes: count,
  totals: z.strictObject(totals),
  settings,
});
export const memoNamespace = namespace.meta({ id: 'MemoNamespace' });

export const memoExplanation: z.ZodType<MemoExplainAnswer> = z.strictObject({
  ns: z.string(),
  key: z.string(),
  state: found,
  why: z.string(),
  entry: entry.nullable(),
  shared: z.strictObject({ state: z.enum([...found.options, 'unknown']), why: z.string() }).nullable(),
  compared: z.strictObject({ mode: z.enum(modes), judged: count, right: count }).nullable(),
  deps: z.array(z.strictObject({ dep: z.string(), state: z.enum(['same', 'changed', 'unknown']) })),
  blobs: z.array(z.strictObject({ ...blobFields, sound: z.boolean() })),
  leavesAfter: count.nullable(),
});
