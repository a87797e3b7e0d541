import { createHash } from 'node:crypto';
import { linkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { UnfinishedBlob } from '../../src/memo/blob-files.ts';
import { soon } from '../helpers/patience.ts';
import { tempDir } from '../helpers/temp-dir.ts';
import { createStager } from './stager.ts';

const sha = (text: string) => createHash('sha256').update(text).digest('hex');
const stored = { status: 200, body: { stored: true } };

/** A client of a daemon that hashes files when `hash` is called. */
function createHeld() {
  const held = Promise.withResolvers<void>();
  const { readWritten } = UnfinishedBlob.prototype;
  const hashing = vi.spyOn(UnfinishedBlob.prototype, 'readWritten').mockImplementation(async function (
    this: UnfinishedBlob,
    ...args
  ) {
    await held.promise;
    return readWritten.apply(this, args);
  });
  const stager = createStager();
  onTestFinished(() => {
    held.resolve();
    hashing.mockRestore();
  });
  const write = async (text: string) => {
    const { staged, path } = await stager.stage(100);
    writeFileSync(path, text);
    return { staged, path };
  };
  return { ...stager, write, hash: held.resolve, hashing };
}

test('a result in a file is answered as stored before it is hashed, and requests for it wait', async () => {
  const { write, put, find, post, hash, stats } = createHeld();
  const { staged } = await write('picture');
  expect(await put({ staged, contentType: 'image/png' })).toMatchObject(stored);
  const asked = [find(), post('/api/memo/take', { ns: 'n', parts: 1 }).then(({ body }) => body)];
  const answered = vi.fn();
  for (const one of asked) void one.then(answered);
  expect((await post('/api/memo/get', { ns: 'n', parts: 2 })).body).toMatchObject({ state: 'miss' });
  expect(stats()).toMatchObject({ stores: 0, reserved: 100 });
  expect(answered).not.toHaveBeenCalled();
  hash();
  for (const found of await Promise.all(asked))
    expect(found).toMatchObject({ state: 'hit', kind: 'bytes', sha256: sha('picture'), contentType: 'image/png' });
  expect(stats()).toMatchObject({ stores: 1, hits: 2, blobs: 1, reserved: 0 });
});

test('a result in a file comes before what is said of its key later', async () => {
  const { write, put, find, post, hash } = createHeld();
  await put({ staged: (await write('first')).staged });
  const later = put({ value: 'second' });
  hash();
  await later;
  expect(await find()).toMatchObject({ value: 'second' });
  await put({ staged: (await write('third')).staged });
  await post('/api/memo/invalidate', { ns: 'n', all: true });
  expect(await find()).toMatchObject({ state: 'miss' });
});

test('a result in a file that could not be stored is a miss, and its lease passes on', async () => {
  const { write, put, post, hash, stats, services } = createHeld();
  const take = async () => (await post('/api/memo/take', { ns: 'n', parts: 1 })).body;
  const { lease } = (await take()) as { lease: string };
  const { staged, path } = await write('first');
  expect(await put({ staged, lease })).toMatchObject(stored);
  const warned = vi.spyOn(services.log, 'warn').mockImplementation(() => {});
  linkSync(path, join(tempDir(), 'second name'));
  hash();
  expect(await take()).toMatchObject({ state: 'compute' });
  expect(warned).toHaveBeenCalledOnce();
  expect(stats()).toMatchObject({ blobs: 0, reserved: 0, computing: 1, stores: 0, rejected: 1, refusedLate: 1 });
});

test('a result in a file that is refused when its hash is known is logged, counted and explained', async () => {
  const { write, put, find, hash, stats, services, app, get, send, token } = createHeld();
  const warned = vi.spyOn(services.log, 'warn').mockImplementation(() => {});
  const bound = (maxBytes: number | null) => send({ method: 'PUT', url: '/api/memo/namespaces/n', payload: { maxBytes } });
  await bound(4);
  for (const parts of [1, 2]) expect(await put({ staged: (await write('first')).staged, parts })).toMatchObject(stored);
  hash();
  const { key } = (await find()) as { key: string };
  await expect.poll(() => stats().refusedLate, soon()).toBe(2);
  expect(warned).toHaveBeenCalledExactlyOnceWith(expect.objectContaining({ ns: 'n', reason: 'NO_SPACE' }), expect.anything());
  expect(stats()).toMatchObject({ stores: 0, rejected: 2 });
  const explained = async () => (await get(`/api/memo/explain?ns=n&key=${key}`)).body;
  expect(await explained()).toMatchObject({
    state: 'miss',
    why: expect.stringMatching(/answered as stored .* refused: NO_SPACE/),
  });
  const { body } = await app.inject({ url: '/metrics', headers: { host: '127.0.0.1:8189', authorization: `Bearer ${token}` } });
  expect(body).toContain('autocached_memo_late_refusals_total{ns="n",reason="NO_SPACE"} 2');
  await bound(null);
  await put({ value: 'second' });
  expect(await explained()).toMatchObject({ state: 'hit', why: expect.not.stringContaining('refused') });
});

test('the hash is waited for where it decides, and where programs would run ahead of the hashing', async () => {
  const { write, put, hash, hashing, post } = createHeld();
  const refused = put({ staged: (await write('cheap')).staged, costMs: 0 });
  await expect.poll(() => hashing.mock.calls.length, soon()).toBe(1);
  expect(await put({ staged: (await write('second')).staged, parts: 2 })).toMatchObject(stored);
  const told = vi.fn();
  const third = put({ staged: (await write('third')).staged, parts: 3 }).then(told);
  await expect.poll(() => hashing.mock.calls.length, soon()).toBe(3);
  expect(told).not.toHaveBeenCalled();
  hash();
  expect((await refused).body).toMatchObject({ stored: false, reason: 'NOT_WORTH' });
  await third;
  expect(told).toHaveBeenCalledWith(expect.objectContaining({ body: expect.objectContaining({ stored: true }) }));
  expect((await post('/api/memo/get', { ns: 'n', parts: 3 })).body).toMatchObject({ state: 'hit', sha256: sha('third') });
});

test('a file that was not given, or not alone, is refused, and stays for another try', async () => {
  const { write, put } = createHeld();
  const refused = (code: string) => ({ body: { error: { code } } });
  expect(await put({ staged: 'made-up.part' })).toMatchObject(refused('NOT_FOUND'));
  const { staged } = await write('text');
  expect(await put({ staged, value: 1 })).toMatchObject(refused('BAD_REQUEST'));
  expect(await put({ staged, lease: 'made-up' })).toMatchObject(refused('LEASE_LOST'));
  expect(await put({ staged })).toMatchObject(stored);
});
