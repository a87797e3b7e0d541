import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, test, vi } from 'vitest';
import { Database } from '../../src/sqlite/database.ts';
import { isOfDatabase, troubleWith } from '../../src/sqlite/trouble.ts';
import { runDaemon } from '../helpers/daemon.ts';
import { lockDatabase } from '../helpers/locked-database.ts';
import { soon } from '../helpers/patience.ts';

/** Its text is long enough for a blob, which `verify` reads. */
const put = (n: number) => ({ body: { ns: 'shop', parts: n, value: 'v'.repeat(20_000), tags: ['t'] } });

async function daemonWithResults(count: number) {
  const { client, dir, stateDir } = await runDaemon({});
  for (let n = 0; n < count; n += 1) await client.ask('POST', '/api/memo/put', put(n));
  return { client, catalog: join(stateDir, 'catalog.db'), file: join(dir, 'ssd/memo/memo.db') };
}

describe('while another program holds the file of results locked', () => {
  test('results are found, and new ones are refused with the reason', async () => {
    const { client, file } = await daemonWithResults(2);
    const letGo = await lockDatabase(file);
    expect(await client.ask('POST', '/api/memo/get', { body: { ns: 'shop', parts: 1 } })).toMatchObject({ state: 'hit' });
    expect(await client.ask('POST', '/api/memo/put', put(2))).toMatchObject({ stored: false, reason: 'BUSY' });
    const seen = { key: '0'.repeat(64), class: 'A', code: 'b', session: 's', result: '1'.repeat(64) };
    await expect(client.ask('POST', '/api/memo/comfyui/seen', { body: seen })).rejects.toMatchObject({
      code: 'BUSY',
      message: expect.stringContaining(file),
      hint: expect.stringContaining('Close the program'),
    });
    await letGo();
    expect(await client.ask('POST', '/api/memo/put', put(2))).toMatchObject({ stored: true });
  });

  test.each([
    ['POST', '/api/memo/invalidate', { ns: 'shop', tags: ['t'] }, { removed: 2 }],
    ['POST', '/api/cache/clear', { plane: 'memo', all: true }, { removed: 2 }],
    ['PUT', '/api/memo/namespaces/shop', { version: '2' }, { version: '2' }],
    ['POST', '/api/memo/verify', {}, { checked: 1 }],
  ])('%s %s waits until it has let go', async (method, path, body, answer) => {
    const { client, file } = await daemonWithResults(2);
    const letGo = await lockDatabase(file);
    const looked = vi.spyOn(Database.prototype, 'isWritable');
    let isAnswered = false;
    const asked = client.ask(method, path, { body }).finally(() => {
      isAnswered = true;
    });
    await vi.waitFor(
      () => expect(looked.mock.results.filter(({ value }) => value === false).length).toBeGreaterThan(2),
      soon(),
    );
    expect(isAnswered).toBe(false);
    await letGo();
    expect(await asked).toMatchObject(answer);
  });
});

test('while the catalog is locked, results are removed and warmed all the same', async () => {
  const { client, catalog } = await daemonWithResults(2);
  const letGo = await lockDatabase(catalog);
  const items = [put(3).body];
  expect(await client.ask('POST', '/api/cache/warm', { body: { plane: 'memo', items } })).toMatchObject({
    items: [{ state: 'stored' }],
  });
  expect(await client.ask('POST', '/api/cache/clear', { body: { plane: 'memo', all: true } })).toMatchObject({ removed: 3 });
  await letGo();
});

test('a file of results that is found damaged by a list says so once, and begins anew', async () => {
  const { client } = await daemonWithResults(2);
  const damaged = vi.spyOn(Sqlite.prototype, 'prepare').mockImplementation(() => {
    throw new Sqlite.SqliteError('database disk image is malformed', 'SQLITE_CORRUPT');
  });
  const list = () => client.ask('GET', '/api/cache/entries?plane=memo');
  await expect(list()).rejects.toMatchObject({ code: 'CORRUPT', hint: 'Try again.' });
  expect(damaged).toHaveBeenCalled();
  damaged.mockRestore();
  expect(await list()).toMatchObject({ total: 0 });
  expect(await client.ask('POST', '/api/memo/put', put(0))).toMatchObject({ stored: true });
});

test.each([
  ['SQLITE_BUSY_SNAPSHOT', 'BUSY'],
  ['SQLITE_FULL', 'NO_SPACE'],
  ['SQLITE_READONLY_DBMOVED', 'CACHE_IO'],
  ['SQLITE_CANTOPEN', 'CACHE_IO'],
  ['SQLITE_IOERR_READ', 'CACHE_IO'],
])('%s is %s for users, with the file and a remedy', (code, translated) => {
  const cause = new Sqlite.SqliteError('as SQLite says it', code);
  const error = troubleWith('/a/memo.db', { name: 'the file of results' }, cause);
  expect(error).toMatchObject({
    code: translated,
    message: expect.stringContaining('/a/memo.db'),
    hint: expect.any(String),
    cause,
  });
  expect(isOfDatabase(error)).toBe(true);
});

test('damage and errors of other kinds stay as they are', () => {
  for (const error of [new Sqlite.SqliteError('malformed', 'SQLITE_CORRUPT'), new TypeError('a mistake')])
    expect(troubleWith('/a/memo.db', { name: 'the file of results' }, error)).toBe(error);
});
