/**
 * Results, beside other stores: a hit of a small value, a blob of 8 MiB as a path, hits of 16 clients, 64 MiB stored. Then
 * 100 that wait for one computation, hits in Redis, and the daemon with a million results.
 *
 *     node bench/memo.ts [number of results, 1000000]
 *
 * Python asks on a kept-open connection; joblib and Redis have no paths and give the bytes of the blob. Stores that are not here
 * are left out. The ratio is to the same figure of autocached: above 1, the other takes longer or answers less often.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import Table from 'cli-table3';
import type { MemoStats } from '../src/api/memo.ts';
import type { Client } from '../src/cli/client.ts';
import { createMemo } from '../src/index.ts';
import { Installed } from './installed.ts';
import { keyvOverSqlite, pythonWithOthers, startRedis } from './memo-others.ts';
import { lastCaller, lastConnection } from './memo-waiting.ts';

const entries = Number(process.argv[2] ?? 1_000_000);
const seconds = 3;
const MiB = 2 ** 20;
/** Timeout of each program of a row, ms. */
const longestMs = 90_000;
const value = { width: 64, text: 'x'.repeat(200) };

interface Figures {
  p50: number;
  p95: number;
  blobP95?: number;
  perSecond?: number;
  /** Seconds for 64 MiB. */
  large?: number;
}

await using installed = new Installed('bench-memo', (root) => ({
  AUTOCACHE_ROOTS: `${root}=hdd`,
  AUTOCACHE_MEMO_LIMIT: '4GiB',
  AUTOCACHE_MEMO_ITEMS: String(10 * entries),
}));
const client = await installed.start();
const { daemon } = client;
const token = readFileSync(daemon.tokenFile, 'utf8').trim();
const python = pythonWithOthers(installed.dir);
if (!python) console.log('diskcache and joblib are left out: they cannot be installed here');
const redis = await startRedis(installed.dir);
if (!redis) console.log('Redis is left out: redis-server is not installed');

const ours = await measure('autocached', 'python3');
const rows: [string, Figures][] = [
  ['autocached', ours],
  ['autocached, createMemo()', await inNode()],
];
if (python) rows.push(['diskcache', await measure('diskcache', python)], ['joblib.Memory', await measure('joblib', python)]);
rows.push(['Keyv over SQLite', await ofKeyv()], ['plain files', await measure('files', 'python3')]);
if (redis) rows.push(['Redis', await measure('redis', 'python3')]);
const inRedisText = redis && (await inRedis(redis.port));
await redis?.end();

const head = ['', 'hit p50 ms', 'p95 ms', 'blob p95 ms', 'hits/s, 16 clients', '64 MiB stored, s'];
const table = new Table({ head, style: { head: [], border: [], compact: true } });
for (const [name, { p50, p95, blobP95, perSecond, large }] of rows) {
  const cell = (figure: number | undefined, own: number | undefined, digits: number) =>
    figure === undefined || own === undefined ? '' : `${figure.toFixed(digits)} (${(figure / own).toFixed(2)})`;
  const rate = perSecond === undefined ? '' : `${Math.round(perSecond)} (${((ours.perSecond ?? 0) / perSecond).toFixed(2)})`;
  table.push([
    name,
    cell(p50, ours.p50, 3),
    cell(p95, ours.p95, 3),
    cell(blobP95, ours.blobP95, 2),
    rate,
    cell(large, ours.large, 3),
  ]);
}
const copied = copies();
for (const [name, took] of Object.entries(copied))
  table.push([name, '', '', '', '', `${took.toFixed(3)} (${(took / (ours.large ?? 1)).toFixed(2)})`]);
table.push(['goal', '<= 0.4', '<= 2', '<= 5', '>= 5000', 'cp >= (0.70)']);
console.log(table.toString());
const where = { client, stateDir: installed.stateDir, url: daemon.url, token };
console.log(await lastCaller(where));
console.log(await lastConnection(where));
if (inRedisText) console.log(inRedisText);
console.log(await withMany());

/**
 * Memory that the machine has not used yet is several times slower to write to, and the first row would pay for all: before each row,
 * as much is used as it writes.
 */
function useMemory(): void {
  const path = join(installed.dir, 'memory');
  for (let count = 0; count < 6; count += 1) appendFileSync(path, Buffer.alloc(64 * MiB, 1));
  rmSync(path);
}

function measure(store: string, program: string): Promise<Figures> {
  useMemory();
  return runPython(program, { store, seconds, clients: 16 });
}

async function runPython<T>(program: string, job: { store: string; [name: string]: unknown }): Promise<T> {
  const file = fileURLToPath(new URL('./memo_client.py', import.meta.url));
  const child = spawn(program, [file], { stdio: ['pipe', 'pipe', 'inherit'], timeout: longestMs });
  const where = { url: daemon.url, token, dir: installed.dir, redis: redis?.port };
  child.stdin.end(JSON.stringify({ ...job, ...where }));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`the Python client failed with ${job.store}`);
  return JSON.parse(output) as T;
}

/** Hits in Redis of a second machine: each key once, for it is a local hit from then on. */
async function inRedis(port: number): Promise<string> {
  const settings = (root: string) => ({ AUTOCACHE_ROOTS: `${root}=hdd`, AUTOCACHE_MEMO_REDIS: `redis://127.0.0.1:${port}/1` });
  await using first = new Installed('bench-memo-first', settings);
  await using second = new Installed('bench-memo-second', settings);
  const [here, there] = [await first.start(), await second.start()];
  const shared = async (of: Client) => (await of.ask<MemoStats>('GET', '/api/cache/stats?plane=memo')).shared;
  const keys = Array.from({ length: 1000 }, (_, index) => ['shared', index]);
  for (const parts of keys) await here.ask('POST', '/api/memo/put', { body: { ns: 'bench', parts, value } });
  for (let tries = 0; (await shared(here))?.owed !== 0 && tries < 600; tries += 1) await sleep(50);
  for (let tries = 0; (await shared(there))?.state !== 'up' && tries < 600; tries += 1) await sleep(50);
  const took: number[] = [];
  for (const parts of keys) {
    const start = performance.now();
    const { state } = await there.ask<{ state: string }>('POST', '/api/memo/get', { body: { ns: 'bench', parts } });
    if (state === 'hit') took.push(performance.now() - start);
  }
  took.sort((a, b) => a - b);
  const at = (share: number) => (took[Math.floor(took.length * share)] ?? Number.NaN).toFixed(2);
  return `${took.length} of ${keys.length} found in Redis by another machine: p50 ${at(0.5)} ms, p95 ${at(0.95)} ms; goal p95 <= 15 ms`;
}

async function inNode(): Promise<Figures> {
  useMemory();
  const memo = createMemo({ namespace: 'bench-node', stateDir: installed.stateDir });
  const find = () => memo.getOrCompute('small', () => value);
  await find();
  const figures = await timed(find);
  const large = await storedLarge((index, bytes) => memo.getOrCompute(['large', index], () => bytes));
  memo.close();
  return { ...figures, large };
}

async function ofKeyv(): Promise<Figures> {
  useMemory();
  const keyv = keyvOverSqlite(installed.dir);
  await keyv.set('small', value);
  const figures = await timed(() => keyv.get('small'));
  return { ...figures, large: await storedLarge((index, bytes) => keyv.set(`large ${index}`, bytes)) };
}

/** Median seconds for content that is new each time. */
async function storedLarge(store: (index: number, bytes: Buffer) => Promise<unknown>): Promise<number> {
  const took: number[] = [];
  for (let index = 0; index < 3; index += 1) {
    const bytes = randomBytes(64 * MiB);
    const start = performance.now();
    await store(index, bytes);
    took.push((performance.now() - start) / 1000);
  }
  return took.sort((a, b) => a - b)[1] ?? 0;
}

async function timed(ask: () => Promise<unknown>): Promise<Figures> {
  const took: number[] = [];
  for (const end = performance.now() + seconds * 1000; performance.now() < end; ) {
    const start = performance.now();
    if ((await ask()) === undefined) throw new Error('it was not found');
    took.push(performance.now() - start);
  }
  took.sort((a, b) => a - b);
  return { p50: took[Math.floor(took.length / 2)] ?? 0, p95: took[Math.floor(took.length * 0.95)] ?? 0 };
}

/**
 * Median seconds of `cp`, and of `cp` with the syncs that make it survive a loss of power, as results do. Each copy has a file of its
 * own that stays, as results have: a file that is written over takes memory that the machine has at hand.
 */
function copies(): Record<string, number> {
  useMemory();
  const from = join(installed.dir, 'from');
  writeFileSync(from, randomBytes(64 * MiB));
  const median = (name: string, command: string) => {
    const took = Array.from({ length: 5 }, (_, index) => {
      const start = performance.now();
      spawnSync('sh', ['-c', command, 'sh', from, join(installed.dir, `${name} ${index}`)]);
      return (performance.now() - start) / 1000;
    });
    return took.sort((a, b) => a - b)[2] ?? 0;
  };
  return { cp: median('cp', 'cp "$1" "$2"'), 'cp, sync': median('cp, sync', 'cp "$1" "$2" && sync "$2"') };
}

/** The first answer of a daemon with many results, and its memory after that. */
async function withMany(): Promise<string> {
  await installed.end('SIGTERM');
  const db = new Database(join(installed.dir, 'ssd', 'memo', 'memo.db'));
  const columns = db
    .prepare<[], { name: string }>("SELECT name FROM pragma_table_info('entries') WHERE name NOT IN ('id', 'key')")
    .all();
  const names = columns.map(({ name }) => name).join();
  db.exec(`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ${entries})
    INSERT INTO entries (key, ${names}) SELECT randomblob(32), ${names} FROM n, (SELECT * FROM entries WHERE kind = 'json' LIMIT 1)`);
  db.close();
  const start = performance.now();
  const again = await installed.start();
  const memo = createMemo({
    namespace: 'bench-node',
    stateDir: installed.stateDir,
    timeoutMs: { connect: 60_000, answer: 60_000 },
  });
  const asked = performance.now();
  await memo.getOrCompute('small', () => Promise.reject(new Error('it was not found')));
  const [first, total] = [performance.now() - asked, performance.now() - start];
  memo.close();
  const status = readFileSync(`/proc/${again.daemon.pid}/status`, 'utf8');
  const kib = Number(/VmRSS:\s+(\d+)/.exec(status)?.[1]);
  const { current_items } = await again.ask<MemoStats>('GET', '/api/cache/stats?plane=memo');
  return `${current_items} results: first answer after ${first.toFixed(0)} ms (${total.toFixed(0)} ms with the start of the daemon), ${(kib / 1024).toFixed(0)} MiB; goal <= 1000 ms, <= 250 MiB`;
}
