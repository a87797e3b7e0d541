import { createHash, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  existsSync,
  linkSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { HashThread } from '../../src/memo/hash-thread.ts';
import { Publisher } from '../../src/memo/publisher.ts';
import { patience } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { createMemo, MiB } from './memo-rig.ts';
import { createStager } from './stager.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const never = { onGone: () => () => {} };

describe('a file that a program has written for the daemon', () => {
  test('becomes a blob of its bytes, and is not copied', async () => {
    const { stage, take, put, find, stats } = createStager();
    const { staged, path } = await stage(7);
    expect(statSync(path)).toMatchObject({ size: 0, mode: 0o100600 });
    expect(statSync(dirname(path)).mode & 0o777).toBe(0o700);
    expect(stats().reserved).toBe(7);
    writeFileSync(path, 'picture');
    const { ino } = statSync(path);
    expect(await take(staged)).toMatchObject({ status: 201, body: { sha256: sha('picture'), size: 7 } });
    await put({ blob: sha('picture'), contentType: 'image/png' });
    const found = await find();
    expect(found).toMatchObject({ state: 'hit', kind: 'bytes', size: 7, contentType: 'image/png' });
    expect(readFileSync(String(found['path']), 'utf8')).toBe('picture');
    expect(statSync(String(found['path']))).toMatchObject({ ino, mode: 0o100400 });
    expect(existsSync(path)).toBe(false);
    expect(stats().reserved).toBe(0);
  });

  test('of some MiB has the hash of its bytes, though its program went back to the beginning', async () => {
    const { stage, take, send, stats } = createStager();
    const bytes = randomBytes(3 * MiB + 5);
    const { staged, path } = await stage(bytes.length);
    const descriptor = openSync(path, 'r+');
    writeSync(descriptor, Buffer.alloc(100), 0, 100, 0);
    writeSync(descriptor, bytes, 100, bytes.length - 100, 100);
    writeSync(descriptor, bytes, 0, 100, 0);
    closeSync(descriptor);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await take(staged)).toMatchObject({ status: 201, body: { sha256, size: bytes.length } });
    const large = await stage(2 * MiB);
    writeFileSync(large.path, bytes);
    expect(await take(large.staged)).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } });
    const given = await stage(2 * MiB);
    writeFileSync(given.path, bytes.subarray(MiB));
    await send({ method: 'DELETE', url: `/api/memo/stage/${given.staged}` });
    expect(readdirSync(dirname(path))).toEqual([]);
    expect(stats()).toMatchObject({ blobs: 1, reserved: 0 });
  });

  test('is taken where no thread can be started', async () => {
    const starting = vi.spyOn(HashThread.prototype, 'follow').mockImplementation(() => {
      throw new Error('ERR_WORKER_INIT_FAILED: EAGAIN');
    });
    const { stage, take } = createStager();
    const bytes = randomBytes(2 * MiB);
    const { staged, path } = await stage(bytes.length);
    writeFileSync(path, bytes);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    expect(await take(staged)).toMatchObject({ status: 201, body: { sha256 } });
    expect(starting).toHaveBeenCalledOnce();
    starting.mockRestore();
  });

  test('that is here already is not kept twice', async () => {
    const { stage, take, stats } = createStager();
    for (const _ of [1, 2]) {
      const { staged, path } = await stage(4);
      writeFileSync(path, 'same');
      expect(await take(staged)).toMatchObject({ status: 201 });
      expect(readdirSync(dirname(path))).toEqual([]);
    }
    expect(stats()).toMatchObject({ blobs: 1, bytes: 4 });
  });

  test.each(['../memo.db', '/etc/passwd', '', 'a/b', 'a\0b', 'a\\b', 'made-up.part'])('is not %j', async (staged) => {
    expect(await createStager().take(staged)).toMatchObject({ status: 404, body: { error: { code: 'NOT_FOUND' } } });
  });

  test('is taken once', async () => {
    const { stage, take } = createStager();
    const { staged } = await stage(0);
    const answers = await Promise.all([take(staged), take(staged)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([201, 404]);
  });

  test('is refused when another file, a link or another name is in its place, and what that leads to is left alone', async () => {
    const { stage, take, stats } = createStager();
    const own = join(tempDir(), 'own');
    const places: ((path: string) => void)[] = [
      () => {},
      (path) => symlinkSync(own, path),
      (path) => linkSync(own, path),
      (path) => writeFileSync(path, 'other'),
    ];
    for (const replace of places) {
      writeFileSync(own, 'precious');
      const { staged, path } = await stage(100);
      renameSync(path, join(tempDir(), 'moved'));
      replace(path);
      expect(await take(staged)).toMatchObject({ status: 400, body: { error: { code: 'BAD_REQUEST' } } });
      expect(readFileSync(own, 'utf8')).toBe('precious');
      expect(statSync(own).mode & 0o777).not.toBe(0o400);
    }
    const { staged, path } = await stage(100);
    linkSync(path, join(tempDir(), 'second name'));
    expect(await take(staged)).toMatchObject({ status: 400 });
    expect(stats()).toMatchObject({ blobs: 0, reserved: 0 });
  });

  test('is refused when it is larger than was said, or has other bytes', async () => {
    const { stage, take, stats } = createStager();
    const large = await stage(3);
    writeFileSync(large.path, 'four');
    expect(await take(large.staged)).toMatchObject({
      status: 400,
      body: { error: { message: 'the file is larger than was said' } },
    });
    const other = await stage(4);
    writeFileSync(other.path, 'four');
    expect(await take(other.staged, { sha256: sha('five') })).toMatchObject({
      status: 422,
      body: { error: { code: 'HASH_MISMATCH' } },
    });
    expect(readdirSync(dirname(other.path))).toEqual([]);
    expect(stats()).toMatchObject({ blobs: 0, reserved: 0 });
  });

  test('that its program still writes to is refused, or found out when it is handed out', async () => {
    const { stage, take, put, find, stats } = createStager();
    const { staged, path } = await stage(10);
    const descriptor = openSync(path, 'r+');
    writeSync(descriptor, 'first');
    const { publish } = Publisher.prototype;
    const between = vi.spyOn(Publisher.prototype, 'publish').mockImplementationOnce(function (this: Publisher, ...args) {
      writeSync(descriptor, 'other', 0);
      return publish.apply(this, args);
    });
    expect(await take(staged)).toMatchObject({ status: 409, body: { error: { code: 'CONFLICT' } } });
    expect(between).toHaveBeenCalledOnce();
    between.mockRestore();
    const late = await stage(10);
    const open = openSync(late.path, 'r+');
    writeSync(open, 'first');
    await take(late.staged);
    await put({ blob: sha('first') });
    // At once, and of the same length: only its time tells.
    writeSync(open, 'other', 0);
    expect(await find()).toMatchObject({ state: 'miss' });
    expect(stats()).toMatchObject({ blobs: 0 });
    for (const one of [descriptor, open]) closeSync(one);
  });

  test('over a limit is refused before it is written', async () => {
    const { post, settings, stats } = createStager();
    const refused = async (size: number) => (await post('/api/memo/stage', { size })).body;
    settings.change({ memo_max_value: '10B' });
    expect(await refused(11)).toMatchObject({ error: { code: 'BODY_TOO_LARGE' } });
    settings.change({ memo_max_value: '1GiB', memo_limit: '1MiB' });
    expect(await refused(MiB + 1)).toMatchObject({ error: { code: 'NO_SPACE' } });
    for (const size of [-1, 0.5, '4', undefined, 2 ** 60])
      expect(await refused(size as number)).toMatchObject({ error: { code: 'BAD_REQUEST' } });
    settings.change({ memo: 'read-only' });
    expect(await refused(1)).toMatchObject({ error: { code: 'CONFLICT' } });
    expect(stats()).toMatchObject({ bytes: 0, reserved: 0 });
  });

  test('makes no folder below a mount point when its disk was unmounted meanwhile', async () => {
    const { memo, dir } = createMemo();
    const { staged = '', path = '' } = (await memo.blobs.stage(10, never)) ?? {};
    appendFileSync(path, 'written');
    const { publish } = Publisher.prototype;
    const unmounting = vi.spyOn(Publisher.prototype, 'publish').mockImplementationOnce(function (this: Publisher, ...args) {
      renameSync(dir, join(tempDir(), 'unmounted'));
      return publish.apply(this, args);
    });
    onTestFinished(() => unmounting.mockRestore());
    await expect(memo.blobs.take(staged, null)).rejects.toThrow('ENOENT');
    expect(unmounting).toHaveBeenCalledOnce();
    expect(existsSync(dir)).toBe(false);
  });

  test('leaves with its program, and no more than 64 are written at once', async () => {
    const { memo } = createMemo();
    const program = { onGone: vi.fn((_gone: () => void) => () => {}) };
    const first = await memo.blobs.stage(10, program);
    const begin = () => memo.blobs.stage(1, never);
    await Promise.all(Array.from({ length: 63 }, begin));
    await expect(begin()).rejects.toMatchObject({ code: 'BUSY' });
    program.onGone.mock.lastCall?.[0]();
    await expect.poll(() => existsSync(first?.path ?? ''), { timeout: patience(4_000) }).toBe(false);
    expect(memo.manage.stats().reserved).toBe(63);
    await expect(begin()).resolves.toMatchObject({ path: expect.any(String) });
  });

  test('leaves at the next start when the daemon was killed before it was taken', async () => {
    const dir = join(tempDir(), 'memo');
    const { memo } = createMemo({ dir });
    const { path = '' } = (await memo.blobs.stage(10, never)) ?? {};
    appendFileSync(path, 'written');
    const again = createMemo({ dir });
    again.memo.manage.begin();
    await expect.poll(() => existsSync(path), { timeout: patience(4_000) }).toBe(false);
  });
});
