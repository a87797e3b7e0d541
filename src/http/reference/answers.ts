import { z } from 'zod';
import type { EntryView, JobView, RemovalAnswer, RootView, WarmItem } from '../../api/api.ts';
import type { TierUseView } from '../../api/entries.ts';
import type { SharedView } from '../../api/farm.ts';
import type { RemoteView } from '../../api/remotes.ts';
import { errorCodes } from '../../core/errors.ts';
import { media, priorities, reasons, tierNames } from '../../core/types.ts';
import { jobStatuses, rootHealths, shownCopyStates } from '../../core/vocabulary.ts';

/** Shapes that several answers share. Their types in `api/` describe each field. */

export const count = z.int().min(0);
export const path = z.string();
export const tierOrMedium = z.enum([...tierNames, ...media]);

export const errorAnswer = z
  .strictObject({ error: z.strictObject({ code: z.enum(errorCodes), message: z.string(), hint: z.string().nullable() }) })
  .meta({ id: 'Error' });

const job: z.ZodType<JobView> = z.strictObject({
  id: z.int(),
  state: z.enum(['queued', 'running', 'done', 'failed', 'cancelled']),
  status: z.enum(jobStatuses),
  word: z.string(),
  why: z.string(),
  priority: z.enum(priorities),
  path,
  category: z.string().nullable(),
  tier: z.enum(tierNames),
  kind: z.enum(['copy', 'link', 'restore', 'compress', 'adopt', 'derive']),
  bytesDone: count,
  bytesTotal: count,
  bytesPerSecond: z.number().min(0),
  etaMs: z.number().nullable(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
});
export const jobView = job.meta({ id: 'Job' });

export const entryFields = {
  id: z.int(),
  path,
  root: path,
  name: z.string(),
  category: z.string().nullable(),
  size: count,
  mtimeNs: z.string(),
  uses: count,
  lastUsedAt: z.string().nullable(),
  pinned: z.boolean(),
  leased: z.boolean(),
  copies: z.array(
    z.strictObject({
      tier: z.enum(tierNames),
      path,
      state: z.enum(shownCopyStates),
      bytes: count,
      hash: z.string().nullable(),
      createdAt: z.string().nullable(),
    }),
  ),
};
const entry: z.ZodType<EntryView> = z.strictObject(entryFields);
export const entryView = entry.meta({ id: 'Entry' });

const root: z.ZodType<RootView> = z.strictObject({
  path,
  kind: z.enum(media),
  kindFrom: z.enum(['configured', 'detected', 'assumed']),
  categories: z.array(z.string()),
  origin: z.enum(['config', 'comfyui', 'api']),
  health: z.enum(rootHealths),
  why: z.string().nullable(),
  files: count.nullable(),
});
export const rootView = root.meta({ id: 'Root' });

export const remoteView: z.ZodType<RemoteView> = z.strictObject({
  name: z.string(),
  url: z.string(),
  driver: z.enum(['s3', 'http']),
  path,
  category: z.string().nullable(),
  health: z.enum(rootHealths),
  why: z.string().nullable(),
  files: count.nullable(),
  months: z.array(
    z.strictObject({
      month: z.string(),
      bytes: count,
      requests: count,
      cost: z.strictObject({ amount: z.number(), currency: z.string() }).nullable(),
    }),
  ),
  monthlyLimit: count.nullable(),
});

const listed = { id: z.int(), path, bytes: count };
export const fileItem = z.strictObject(listed);
export const skippedItem = z.strictObject({ ...listed, why: z.string() });

const removed: z.ZodType<RemovalAnswer> = z.strictObject({
  dryRun: z.boolean(),
  files: count,
  of: count,
  bytes: count,
  removed: z.array(fileItem),
  skipped: z.array(skippedItem),
});
export const removalAnswer = removed.meta({ id: 'Removal' });

/** The present state of a file, and the answer of a lookup. */
export const stateFields = {
  path: path.nullable(),
  tier: tierOrMedium.nullable(),
  ready: z.boolean(),
  size: count.nullable(),
  word: z.string(),
  why: z.string(),
};

const item: z.ZodType<WarmItem> = z.strictObject({
  ...stateFields,
  item: z.string(),
  reason: z.enum(reasons),
  pinned: z.boolean(),
  job: jobView.nullable(),
  message: z.string().nullable(),
});
export const warmItem = item.meta({ id: 'WarmItem' });

export const tierUse = {
  hits: count,
  evictions: count,
  rejected: count,
  loads: count,
  averageLoadMs: z.number().nullable(),
} satisfies Record<keyof TierUseView, z.ZodType>;

export const sharedView: z.ZodType<SharedView> = z.strictObject({
  url: z.string(),
  state: z.enum(['up', 'away']),
  why: z.string().nullable(),
  files: count,
  bytes: count,
  reserved: count,
  limit: count,
  writtenBytes: count,
  readBytes: count,
  evictions: count,
});
