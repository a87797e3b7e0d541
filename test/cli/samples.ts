import type { EntryView, JobView, LookupAnswer, RemovalAnswer, RootView, WarmItem } from '../../src/api/api.ts';
import type { ExplainAnswer } from '../../src/api/explain.ts';
import type { StatsAnswer } from '../../src/api/stats.ts';

/** Answers as a daemon that has been used for some days gives them. */

const gib = 1024 ** 3;
const mib = 1024 ** 2;

export const nas: RootView = {
  path: '/mnt/nas/models',
  kind: 'nas',
  kindFrom: 'detected',
  categories: ['checkpoints', 'loras'],
  origin: 'comfyui',
  health: 'ok',
  why: null,
  files: 1204,
};

export const hddAway: RootView = {
  path: '/mnt/hdd/models',
  kind: 'hdd',
  kindFrom: 'configured',
  categories: [],
  origin: 'config',
  health: 'away',
  why: 'does not answer',
  files: null,
};

export const stats: StatsAnswer = {
  version: '0.1.0',
  pid: 4711,
  command: 'autocached',
  mode: 'read-write',
  policy: 'lru',
  dir: '/home/me/.cache/autocached',
  uptimeMs: 3 * 86_400_000 + 4 * 3_600_000,
  lookups: 1410,
  hits: 1204,
  misses: 116,
  hitRate: 1204 / 1320,
  byteHitRate: 0.944,
  hitBytes: 6000 * gib,
  missBytes: 356 * gib,
  evictions: 12,
  bytesCopied: 312 * gib,
  secondsSaved: 11_520,
  mismatched: 0,
  latencyMs: { hit: { p50: 0.31, p95: 0.8, p99: 1.12 }, miss: { p50: 0.52, p95: 1.4, p99: 2.05 } },
  tiers: [
    {
      tier: 'ssd',
      state: 'here',
      files: 41,
      bytes: 132 * gib,
      represented: 132 * gib,
      ratio: 1,
      reserved: 6.5 * gib,
      hits: 1204,
      evictions: 12,
      rejected: 2,
      loads: 0,
      averageLoadMs: null,
      outside: 0,
      limit: 200 * gib,
      free: 312 * gib,
      floor: 46 * gib,
      utilisation: 0.66,
    },
  ],
  roots: [nas, hddAway],
  orphans: [],
  stuck: [],
  written: { files: 0, bytes: 0 },
  jobs: { running: 1, queued: 2 },
  warnings: [],
  accounting: null,
  memo: {
    ...{ hits: 75, stale: 1, misses: 25, coalesced: 3, stores: 25, rejected: 0, evictions: 0, disagreements: 0, alike: 0 },
    ...{ bytesIn: gib, bytesOut: 3 * gib, secondsSaved: 3600 },
    ...{ hit_rate: '75%', current_items: 25, current_memory_mb: 1024, max_items: 10_000, max_memory_mb: 10_240 },
    ...{ memory_utilization: '10%', mode: 'on', state: 'here', bytes: gib, limit: 10 * gib, reserved: 0, blobs: 20 },
    ...{ ram: { items: 25, bytes: 100_000, limit: gib / 4 }, refusedLate: 0, computing: 0, waiting: 0 },
    ...{ layers: { ram: 60, disk: 12, redis: 0, computation: 3 }, shared: null },
    comparisons: { agreed: 0, disagreed: 0, unrepeatable: [] },
  },
  daily: [],
};

export const running: JobView = {
  id: 12,
  state: 'running',
  status: 'running',
  word: 'running',
  why: 'is being copied',
  priority: 'wait',
  path: '/mnt/nas/models/checkpoints/sd_xl_base_1.0.safetensors',
  category: 'checkpoints',
  tier: 'ssd',
  kind: 'copy',
  bytesDone: 3.5 * gib,
  bytesTotal: 6.5 * gib,
  bytesPerSecond: 412 * mib,
  etaMs: 7_460,
  error: null,
};

export const queued: JobView = {
  ...running,
  id: 13,
  state: 'queued',
  status: 'queued',
  word: 'queued',
  why: 'waits for its turn',
  priority: 'warm',
  path: '/mnt/nas/models/loras/style.safetensors',
  category: 'loras',
  tier: 'ssd',
  kind: 'copy',
  bytesDone: 0,
  bytesTotal: 220 * mib,
  bytesPerSecond: 0,
  etaMs: null,
};

export const checkpoint: EntryView = {
  id: 7,
  path: '/mnt/nas/models/checkpoints/SDXL/sd_xl_base_1.0.safetensors',
  root: '/mnt/nas/models/checkpoints',
  name: 'SDXL/sd_xl_base_1.0.safetensors',
  category: 'checkpoints',
  size: 6_938_040_682,
  mtimeNs: '1712345678901234567',
  uses: 1204,
  lastUsedAt: '2026-11-20T12:00:00.000Z',
  pinned: true,
  leased: true,
  copies: [
    {
      tier: 'ssd',
      path: '/home/me/.cache/autocached/checkpoints/SDXL/sd_xl_base_1.0.safetensors',
      state: 'ready',
      bytes: 6_938_040_682,
      hash: 'ab'.repeat(16),
      createdAt: '2026-11-18T12:00:00.000Z',
    },
  ],
};

export const lora: EntryView = {
  ...checkpoint,
  id: 8,
  path: '/mnt/nas/models/loras/画风.safetensors',
  root: '/mnt/nas/models/loras',
  name: '画风.safetensors',
  category: 'loras',
  size: 220 * mib,
  uses: 0,
  lastUsedAt: null,
  pinned: false,
  leased: false,
  copies: [],
};

export const hit: LookupAnswer = {
  path: '/home/me/.cache/autocached/checkpoints/a.safetensors',
  tier: 'ssd',
  reason: 'HIT',
  leaseMs: 600_000,
  entry: 7,
  job: null,
};

export const removal: RemovalAnswer = {
  dryRun: true,
  files: 1,
  of: 41,
  bytes: checkpoint.size,
  removed: [{ id: 7, path: checkpoint.path, bytes: checkpoint.size }],
  skipped: [{ id: 8, path: lora.path, bytes: lora.size, why: 'in use' }],
};

export const story: ExplainAnswer = {
  path: checkpoint.path,
  entry: checkpoint,
  root: nas,
  leases: [{ client: 'comfyui', expiresInMs: 540_000 }],
  decisions: [
    { at: '2026-11-20T12:00:00.000Z', reason: 'HIT', purpose: 'load', app: 'comfyui' },
    { at: '2026-11-19T12:00:00.000Z', reason: 'COPYING', purpose: 'load', app: null },
  ],
  score: 0.123456,
  sha256: 'ab'.repeat(32),
  published: null,
  now: { reason: 'HIT', path: checkpoint.copies[0]?.path ?? '', word: 'ready', why: 'a verified copy is on the SSD' },
  meant: null,
};

/** A model that `warm` finds ready. */
export const readyItem: WarmItem = {
  item: 'loras/a.safetensors',
  path: '/mnt/nas/models/loras/a.safetensors',
  tier: 'ssd',
  reason: 'HIT',
  word: 'ready',
  why: 'a verified copy is on the SSD',
  ready: true,
  pinned: false,
  size: 220 * 1024 ** 2,
  job: null,
  message: null,
};
