import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createLoopDisk, noLoopDisk } from '../helpers/loop-disk.ts';
import { soon } from '../helpers/patience.ts';
import { createMemo, keyOf } from '../memo/memo-rig.ts';

const never = { onGone: () => () => {} };
const bytesOf = (index: number) => Buffer.alloc(300_000, createHash('sha256').update(`${index}`).digest());

async function store({ memo, put }: ReturnType<typeof createMemo>, index: number): Promise<void> {
  const { staged = '', path = '' } = (await memo.blobs.stage(300_000, never)) ?? {};
  // As the clients do; a file that is truncated is written to the disk when it is closed.
  writeFileSync(path, bytesOf(index), { flag: 'r+' });
  expect(await put(keyOf(index), null, { given: { staged } })).toMatchObject({ stored: true });
}

/** The number of results that a daemon finds there, each with its own bytes. */
async function foundAt(dir: string, most: number): Promise<number> {
  const { memo, get } = createMemo({ dir });
  const find = async () => {
    const all = await Promise.all(Array.from({ length: most }, (_, index) => get(keyOf(index))));
    for (const [index, { state, path }] of all.entries())
      if (state === 'hit') expect(readFileSync(path).equals(bytesOf(index)), `result ${index}`).toBe(true);
    return all.filter(({ state }) => state === 'hit').length;
  };
  await find();
  // Files that were not synced are hashed first.
  await expect.poll(async () => (await find()) === memo.manage.stats().current_items, soon()).toBe(true);
  return find();
}

test.skipIf(noLoopDisk)('results on a disk that loses its power have their bytes, or are a miss', async () => {
  const disk = createLoopDisk(32);
  const dir = join(disk.path, 'memo');
  const daemon = createMemo({ dir });
  let lost = 0;
  for (let stored = 1; stored <= 20; stored += 1) {
    await store(daemon, stored - 1);
    // Waits for its hash.
    await daemon.get(keyOf(stored - 1));
    if (stored % 5 > 0) continue;
    // The rows are on the disk, the bytes that they are about perhaps not.
    for (const name of ['memo.db', 'memo.db-wal']) if (existsSync(join(dir, name))) execFileSync('sync', [join(dir, name)]);
    lost += stored - (await foundAt(join(disk.afterLossOfPower(), 'memo'), stored));
  }
  expect(lost).toBeGreaterThan(0);
  await daemon.memo[Symbol.asyncDispose]();
  expect(await foundAt(join(disk.afterLossOfPower(), 'memo'), 20)).toBe(20);
});
