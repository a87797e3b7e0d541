import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { MemoMode } from '../../src/api/memo.ts';
import type { Fingerprint, TierState } from '../../src/core/types.ts';
import { Memo, type MemoDeps } from '../../src/memo/memo.ts';
import type { PutRequest } from '../../src/memo/put.ts';
import { Events } from '../../src/runtime/events.ts';
import { createLog } from '../../src/runtime/log.ts';
import { ManualClock } from '../helpers/manual-clock.ts';
import { tempDir } from '../helpers/temp-dir.ts';

export const MiB = 2 ** 20;

/** The plane of results over a folder of its own, with a clock that stands still. */
export function createMemo({
  dir = join(tempDir(), 'memo'),
  ramBytes = MiB,
  shared = null,
  embedder = null,
}: {
  dir?: string;
  ramBytes?: number;
  shared?: MemoDeps['shared'];
  embedder?: MemoDeps['embedder'];
} = {}) {
  const world = {
    clock: new ManualClock(),
    events: new Events(),
    mode: 'on' as MemoMode,
    state: 'here' as TierState,
    items: 10_000,
    limit: 64 * MiB,
    floor: 0,
    free: 1024 * MiB,
    ttlMs: (7 * 24 * 3600_000) as number | null,
    staleMs: 0,
    maxValue: 32 * MiB,
    /** The files that results come from; what is not named here does not answer. */
    files: new Map<string, Fingerprint | 'missing' | Promise<Fingerprint>>(),
  };
  mkdirSync(dir, { recursive: true });
  const memo = new Memo({
    dir,
    clock: world.clock,
    events: world.events,
    log: createLog({ level: 'silent', form: 'json' }),
    state: () => world.state,
    mode: () => world.mode,
    bound: () => ({ items: world.items, limit: world.limit, floor: world.floor }),
    free: () => world.free,
    ramBytes,
    times: () => ({ ttlMs: world.ttlMs, staleMs: world.staleMs }),
    maxValue: () => world.maxValue,
    shared,
    embedder,
    speed: () => 100 * MiB,
    fingerprintOf: async (path) => world.files.get(path) ?? null,
  });
  onTestFinished(() => memo[Symbol.asyncDispose]());
  return { ...world, world, dir, memo, ...shorthands(memo) };
}

export function keyOf(index: number): string {
  return index.toString(16).padStart(64, '0');
}

function shorthands(memo: Memo) {
  return {
    get: async (key: string, ns = 'n') => JSON.parse(await memo.get({ ns, key, as: 'value' })),
    put: (key: string, value: unknown, more: Partial<PutRequest> = {}) =>
      memo.put({
        ns: 'n',
        key,
        given: { value: JSON.stringify(value) },
        lease: null,
        tags: [],
        deps: [],
        costMs: null,
        label: null,
        negative: false,
        ...more,
      }),
  };
}
