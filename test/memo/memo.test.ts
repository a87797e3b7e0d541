import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { patience } from '../helpers/patience.ts';
import { createMemo, keyOf, MiB } from './memo-rig.ts';

const sha = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

async function putBlob(memo: ReturnType<typeof createMemo>['memo'], bytes: Buffer): Promise<string> {
  const sha256 = sha(bytes);
  await memo.blobs.store({ bytes: [bytes], size: bytes.length, sha256 });
  return sha256;
}

describe('what was stored is found', () => {
  test('a JSON value as it was written', async () => {
    const { memo, put } = createMemo();
    const text = '{"a": 1.0, "seed": 18446744073709551615, "__proto__": [1e2]}';
    expect(await put(keyOf(1), null, { given: { value: text } })).toEqual({ stored: true, key: keyOf(1) });
    const answer = await memo.get({ ns: 'n', key: keyOf(1), as: 'value' });
    expect(answer).toContain(`"value":${text}`);
    expect(JSON.parse(answer)).toMatchObject({ state: 'hit', key: keyOf(1), ageMs: 0 });
  });

  test('in its namespace only', async () => {
    const { get, put } = createMemo();
    await put(keyOf(1), 'x');
    expect(await get(keyOf(1), 'other')).toEqual({ state: 'miss', key: keyOf(1) });
  });

  test('a long value in a file of its own, whose path may be asked for', async () => {
    const { memo, get, put } = createMemo({ ramBytes: 0 });
    const value = 'x'.repeat(100_000);
    await put(keyOf(1), value);
    expect((await get(keyOf(1))).value).toBe(value);
    const { path, contentType } = JSON.parse(await memo.get({ ns: 'n', key: keyOf(1), as: 'path' }));
    expect(contentType).toBe('application/json');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toBe(value);
    expect(statSync(path).mode & 0o777).toBe(0o400);
  });

  test('bytes, files, and a value with blobs in it', async () => {
    const { memo, get, put } = createMemo();
    const [a, b] = [await putBlob(memo, Buffer.from('image')), await putBlob(memo, Buffer.from('depth'))];
    await put(keyOf(1), null, { given: { blob: a, contentType: 'image/png' } });
    const bytes = await get(keyOf(1));
    expect(bytes).toMatchObject({ kind: 'bytes', sha256: a, size: 5, contentType: 'image/png' });
    expect(readFileSync(bytes.path, 'utf8')).toBe('image');
    await put(keyOf(2), null, {
      given: {
        files: [
          { name: 'a.png', sha256: a },
          { name: 'b.png', sha256: b },
        ],
      },
    });
    const { files } = await get(keyOf(2));
    expect(files.map(({ name, path }: { name: string; path: string }) => [name, readFileSync(path, 'utf8')])).toEqual([
      ['a.png', 'image'],
      ['b.png', 'depth'],
    ]);
    await put(keyOf(3), { tensor: { $blob: b }, shape: [1, 2] });
    expect(await get(keyOf(3))).toMatchObject({ kind: 'doc', value: { shape: [1, 2] }, blobs: [{ sha256: b, size: 5 }] });
  });

  test('equal bytes are kept once, and stay until the last result that has them leaves', async () => {
    const { memo, put, dir } = createMemo();
    const sha256 = await putBlob(memo, Buffer.alloc(MiB, 7));
    for (const index of [1, 2, 3]) await put(keyOf(index), null, { given: { blob: sha256 } });
    expect(memo.manage.stats()).toMatchObject({ current_items: 3, current_memory_mb: 1, blobs: 1 });
    await memo.manage.invalidate({ ns: 'n', keys: [keyOf(1), keyOf(2)] }, { dryRun: false });
    expect(existsSync(join(dir, 'cas', sha256.slice(0, 2), sha256))).toBe(true);
  });

  test('after a restart, with its uses', async () => {
    const { memo, put, get, dir } = createMemo();
    await put(keyOf(1), 'x', { label: 'a thumb' });
    await get(keyOf(1));
    await memo[Symbol.asyncDispose]();
    const again = createMemo({ dir });
    expect(await again.get(keyOf(1))).toMatchObject({ state: 'hit', value: 'x' });
    expect(again.memo.manage.stats()).toMatchObject({ hits: 2, misses: 0, stores: 1, hit_rate: '100%' });
    expect(again.memo.manage.list({}, { sort: 'used', limit: 10, offset: 0 }).entries).toMatchObject([
      { hits: 2, label: 'a thumb' },
    ]);
  });

  test('by this user only', async () => {
    const { put, dir } = createMemo();
    await put(keyOf(1), 'secret');
    expect(statSync(dir).mode & 0o077).toBe(0);
  });
});

describe('nothing wrong is served', () => {
  test('a blob that was cut short is a miss, and its result is gone', async () => {
    const { memo, put, get } = createMemo();
    const sha256 = await putBlob(memo, Buffer.from('image'));
    await put(keyOf(1), null, { given: { blob: sha256 } });
    const { path } = await get(keyOf(1));
    chmodSync(path, 0o600);
    truncateSync(path, 3);
    expect((await get(keyOf(1))).state).toBe('miss');
    expect(memo.manage.stats().current_items).toBe(0);
  });

  test('a damaged blob is told once, and is a miss for all results that have it', async () => {
    const { memo, put, get, events } = createMemo();
    const told: unknown[] = [];
    events.subscribe((name, event) => void (name === 'memo-damaged' && told.push(event)));
    const sha256 = await putBlob(memo, Buffer.from('image'));
    for (const index of [1, 2]) await put(keyOf(index), null, { given: { blob: sha256 } });
    const { path } = await get(keyOf(1));
    chmodSync(path, 0o600);
    writeFileSync(path, 'other');
    const keys = [1, 2, 1, 2].map(keyOf);
    const answers = await Promise.all(keys.map((key) => get(key)));
    expect(answers.map(({ state }) => state)).toEqual(['miss', 'miss', 'miss', 'miss']);
    expect(memo.blobs.find(sha256)).toBeNull();
    expect(told).toEqual([{ sha256, removed: 2 }]);
    expect(memo.manage.stats()).toMatchObject({ current_items: 0, blobs: 0, misses: 4 });
    await putBlob(memo, Buffer.from('image'));
    await put(keyOf(1), null, { given: { blob: sha256 } });
    expect(await get(keyOf(1))).toMatchObject({ state: 'hit' });
    expect(readFileSync(path, 'utf8')).toBe('image');
  });

  test('a long text that was changed under its seal is noticed when it is read', async () => {
    const { memo, put, get } = createMemo({ ramBytes: 0 });
    await put(keyOf(1), 'x'.repeat(50_000));
    const { path } = JSON.parse(await memo.get({ ns: 'n', key: keyOf(1), as: 'path' }));
    const { atime, mtime } = statSync(path);
    chmodSync(path, 0o600);
    writeFileSync(path, `"${'y'.repeat(50_000)}"`);
    const { utimesSync } = await import('node:fs');
    utimesSync(path, atime, mtime);
    expect((await get(keyOf(1))).state).toBe('miss');
  });

  test('verify finds what changed under its seal', async () => {
    const { memo, put } = createMemo();
    const sha256 = await putBlob(memo, Buffer.from('image'));
    await put(keyOf(1), null, { given: { blob: sha256 } });
    expect(await memo.manage.verify(AbortSignal.timeout(60_000))).toEqual({ checked: 1, bytes: 5, damaged: [], removed: 0 });
    const path = memo.blobs.find(sha256)?.path ?? '';
    chmodSync(path, 0o600);
    writeFileSync(path, 'imagE');
    expect(await memo.manage.verify(AbortSignal.timeout(60_000))).toMatchObject({
      checked: 1,
      damaged: [sha256],
      removed: 1,
    });
    // Also one that somebody was just given is not taken for sound again.
    expect(memo.blobs.missing([sha256])).toEqual([sha256]);
    await putBlob(memo, Buffer.from('image'));
    expect(readFileSync(memo.blobs.find(sha256)?.path ?? '', 'utf8')).toBe('image');
  });

  test('verify calls no blob damaged that leaves while it is read, and ends when nobody waits for it', async () => {
    const { memo, put } = createMemo();
    for (const index of [1, 2, 3]) {
      const sha256 = await putBlob(memo, Buffer.from(`image ${index}`));
      await put(keyOf(index), null, { given: { blob: sha256 } });
    }
    const verifying = memo.manage.verify(AbortSignal.timeout(60_000));
    await memo.manage.invalidate({ ns: 'n' }, { dryRun: false });
    expect(await verifying).toMatchObject({ damaged: [], removed: 0 });
    const sha256 = await putBlob(memo, Buffer.from('image'));
    const ended = new AbortController();
    const unheard = memo.manage.verify(ended.signal);
    ended.abort();
    expect(await unheard).toMatchObject({ checked: 0, damaged: [] });
    expect(memo.blobs.missing([sha256])).toEqual([]);
  });

  test('equal bytes that come several times at once are one blob, which all find', async () => {
    const { memo, put, get } = createMemo();
    for (let round = 0; round < 30; round += 1) {
      const bytes = Buffer.from(`image ${round}`);
      const [sha256 = ''] = await Promise.all(Array.from({ length: 6 }, () => putBlob(memo, bytes)));
      expect(memo.blobs.missing([sha256])).toEqual([]);
      expect(await put(keyOf(round), null, { given: { blob: sha256 } })).toMatchObject({ stored: true });
      expect((await get(keyOf(round))).state).toBe('hit');
    }
  });

  test('other bytes than the name says are refused, and nothing of them is left', async () => {
    const { memo, dir } = createMemo();
    const storing = memo.blobs.store({ bytes: [Buffer.from('a')], size: 1, sha256: sha(Buffer.from('b')) });
    await expect(storing).rejects.toMatchObject({ code: 'HASH_MISMATCH' });
    const { readdirSync } = await import('node:fs');
    expect(readdirSync(join(dir, 'partial'))).toEqual([]);
    expect(memo.manage.stats()).toMatchObject({ bytes: 0, reserved: 0 });
  });

  test('a result that names a blob which is not here is refused', async () => {
    const { put } = createMemo();
    await expect(put(keyOf(1), null, { given: { blob: keyOf(5) } })).rejects.toMatchObject({ code: 'NOT_FOUND' });
  });

  test.each([
    ['cut short', (file: string) => truncateSync(file, 5000)],
    ['overwritten', (file: string) => writeFileSync(file, 'x'.repeat(100_000))],
    ['away', (file: string) => rmSync(file)],
  ])('a file of results that is %s: it begins empty, and blobs leave too', async (_how, damage) => {
    const { memo, put, dir } = createMemo();
    const sha256 = await putBlob(memo, Buffer.alloc(1000));
    await put(keyOf(1), null, { given: { blob: sha256 } });
    await memo[Symbol.asyncDispose]();
    damage(join(dir, 'memo.db'));
    const again = createMemo({ dir });
    expect((await again.get(keyOf(1))).state).toBe('miss');
    await expect
      .poll(() => existsSync(join(dir, 'cas', sha256.slice(0, 2), sha256)), { timeout: patience(10_000) })
      .toBe(false);
    expect(await again.put(keyOf(1), 'new')).toMatchObject({ stored: true });
  });
});

describe('modes', () => {
  test('off answers misses and stores nothing', async () => {
    const { world, put, get } = createMemo();
    await put(keyOf(1), 'x');
    world.mode = 'off';
    expect((await get(keyOf(1))).state).toBe('miss');
    expect(await put(keyOf(2), 'y')).toMatchObject({ stored: false, reason: 'OFF' });
  });

  test('read-only serves and stores nothing, and so does a disk that takes no writes', async () => {
    const { world, put, get } = createMemo();
    await put(keyOf(1), 'x');
    world.mode = 'read-only';
    expect((await get(keyOf(1))).state).toBe('hit');
    expect(await put(keyOf(2), 'y')).toMatchObject({ stored: false, reason: 'READ_ONLY' });
    world.mode = 'on';
    world.state = 'read-only';
    expect(await put(keyOf(2), 'y')).toMatchObject({ stored: false, reason: 'READ_ONLY' });
  });

  test('while the disk is away everything is a miss; when it is back, it is found', async () => {
    const { memo, world, events, put, get } = createMemo();
    const whyNot = async () => (await memo.manage.explain('n', keyOf(1))).why;
    expect(await whyNot()).toBe('nothing is stored');
    await put(keyOf(1), 'x');
    world.state = 'away';
    events.emit('cache-disk', { dir: '/cache', state: 'away' });
    expect(await whyNot()).toBe('the cache disk is away');
    expect((await get(keyOf(1))).state).toBe('miss');
    expect(await put(keyOf(2), 'y')).toMatchObject({ stored: false, reason: 'READ_ONLY' });
    world.state = 'here';
    events.emit('cache-disk', { dir: '/cache', state: 'here' });
    expect((await get(keyOf(1))).state).toBe('hit');
  });
});
