import { join } from 'node:path';
import { expect } from 'vitest';
import { parseRedis } from '../../src/config/redis-servers.ts';
import type { Memo } from '../../src/memo/memo.ts';
import { patience } from '../helpers/patience.ts';
import { eventually, type RedisServer } from '../helpers/redis.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { createMemo } from './memo-rig.ts';

export const valueNames = 'autocached:memo:1:value:*';

export function sharedWith(url: string, deadlineMs = patience(10_000)) {
  const servers = parseRedis(url);
  if (!servers) throw new Error('no address');
  return { servers, deadlineMs, pauses: { first: 50, most: 200 } };
}

/** A machine of several that share results. */
export async function machine(url: string, more: { dir?: string; deadlineMs?: number; state?: 'up' | 'away' } = {}) {
  const { dir = join(tempDir(), 'memo'), deadlineMs, state = 'up' } = more;
  const made = createMemo({ dir, shared: sharedWith(url, deadlineMs) });
  const stats = () => {
    const { shared } = made.memo.manage.stats();
    if (!shared) throw new Error('nothing is shared');
    return shared;
  };
  await expect.poll(() => stats().state, eventually()).toBe(state);
  /** Redis knows of all that was done here. */
  const told = () => expect.poll(() => stats().owed, eventually()).toBe(0);
  return Object.assign(made, { stats, told });
}

export async function twoMachines(server: RedisServer) {
  return { here: await machine(server.url), there: await machine(server.url) };
}

/** Stores a blob and its result. */
export async function putBytes(memo: Memo, key: string, bytes: Buffer, more: object = {}) {
  const blob = await memo.blobs.store({ bytes: [bytes], size: bytes.length, sha256: null });
  const given = { blob: blob?.sha256 ?? '', contentType: 'image/png' };
  const rest = { lease: null, tags: [], deps: [], costMs: null, label: null, negative: false };
  return memo.put({ ns: 'n', key, given, ...rest, ...more });
}
