import { createHash } from 'node:crypto';
import { chmodSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { VerifyThread } from '../../src/transfer/verify-thread.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { createMemo, keyOf } from './memo-rig.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');

/** Syncs of files end when they are `ended`. */
async function heldSyncs() {
  const file = await open(join(tempDir(), 'any'), 'w');
  await file.close();
  const end = Promise.withResolvers<void>();
  const prototype = Object.getPrototypeOf(file) as FileHandle;
  const sync = vi.spyOn(prototype, 'sync').mockReturnValue(end.promise);
  onTestFinished(() => {
    sync.mockRestore();
    end.resolve();
  });
  return { sync, end };
}

async function store({ memo, put }: ReturnType<typeof createMemo>, index: number, text: string): Promise<string> {
  const blob = sha(text);
  await memo.blobs.store({ bytes: [Buffer.from(text)], size: text.length, sha256: blob });
  expect(await put(keyOf(index), null, { given: { blob } })).toMatchObject({ stored: true });
  return memo.blobs.find(blob)?.path ?? '';
}

describe('a blob that was stored', () => {
  test('and has not come to its disk when the power is lost is served as it was, or not at all', async () => {
    const { sync, end } = await heldSyncs();
    const before = createMemo();
    const [lost = '', kept = ''] = [await store(before, 1, 'image'), await store(before, 2, 'other')];
    await expect.poll(() => sync.mock.calls.length, soon()).toBe(2);
    const { mode, atime, mtime } = statSync(lost);
    chmodSync(lost, 0o600);
    writeFileSync(lost, '\0\0\0\0\0');
    chmodSync(lost, mode);
    utimesSync(lost, atime, mtime);
    sync.mockRestore();
    const after = createMemo({ dir: before.dir });
    const told = vi.fn();
    after.events.subscribe(told);
    // Nothing of them is said before they are hashed.
    expect(await after.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(after.memo.blobs.find(sha('image'))).toBeNull();
    await expect.poll(() => after.get(keyOf(2)), soon()).toMatchObject({ state: 'hit', path: kept });
    await expect.poll(() => after.memo.manage.stats(), soon()).toMatchObject({ current_items: 1, blobs: 1 });
    expect(await after.get(keyOf(1))).toMatchObject({ state: 'miss' });
    expect(told).toHaveBeenCalledExactlyOnceWith('memo-damaged', { sha256: sha('image'), removed: 1 });
    end.resolve();
  });

  test('and has come to its disk is not hashed again', async () => {
    const hashing = vi.spyOn(VerifyThread.prototype, 'sha256');
    onTestFinished(() => hashing.mockRestore());
    const dir = join(tempDir(), 'memo');
    const before = createMemo({ dir });
    await store(before, 1, 'image');
    await before.memo[Symbol.asyncDispose]();
    const after = createMemo({ dir });
    expect(await after.get(keyOf(1))).toMatchObject({ state: 'hit' });
    expect(hashing).not.toHaveBeenCalled();
  });

  test('is gone when its disk does not take it', async () => {
    const { sync, end } = await heldSyncs();
    const memo = createMemo();
    await store(memo, 1, 'image');
    expect(await memo.get(keyOf(1))).toMatchObject({ state: 'hit' });
    await expect.poll(() => sync.mock.calls.length, soon()).toBe(1);
    end.reject(Object.assign(new Error('EIO: i/o error, fsync'), { code: 'EIO' }));
    await expect.poll(() => memo.memo.manage.stats(), soon()).toMatchObject({ current_items: 0, blobs: 0 });
    expect(await memo.get(keyOf(1))).toMatchObject({ state: 'miss' });
  });
});
