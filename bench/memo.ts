/**
 * Results, beside what else keeps them: a hit of a small value, a blob of 8 MiB as a path, hits of 16 clients, 64 MiB stored. Then
 * 100 clients that wait for one computation, and the daemon with a million results.
 *
 *     node bench/memo.ts [number of results, 1000000]
 *
 * Python asks on a kept-open connection; joblib and Redis have no paths and give the bytes of the blob. Stores that are not here
 * are left out. The ratio is to the same figure of autocached: above 1, the other takes longer or answers less often.
 */
import { spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Database from 'better-sqlite3';
import Table from 'cli-table3';
import type { MemoStats } from '../src/api/memo.ts';
import { createMemo } from '../src/index.ts';
import { Installed } from './installed.ts';
import { keyvOverSqlite, pythonWithOthers, startRedis } from './memo-others.ts';

const entries = Number(process.argv[2] ?? 1_000_000);
const seconds = 3;
const MiB = 2 ** 20;
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
rows.push(['Keyv over SQLite', await ofKeyv()]);
if (redis) rows.push(['Redis', await measure('redis', 'python3')]);
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
console.log(await lastWaiter());
console.log(await withMany());

function measure(store: string, program: string): Promise<Figures> {
  return runPython(program, { store, seconds, clients: 16 });
}

async function runPython<T>(program: string, job: { store: string; [name: string]: unknown }): Promise<T> {
  const file = fileURLToPath(new URL('./memo_client.py', import.meta.url));
  const child = spawn(program, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const where = { url: daemon.url, token, dir: installed.dir, redis: redis?.port };
  child.stdin.end(JSON.stringify({ ...job, ...where }));
  const [output, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  if (code !== 0) throw new Error(`the Python client failed with ${job.store}`);
  return JSON.parse(output) as T;
}

/** 100 clients of eight processes wait for one computation: how long after its end they have the result. */
async function lastWaiter(): Promise<string> {
  const memo = createMemo({ namespace: 'bench', stateDir: installed.stateDir });
  const end = Promise.withResolvers<object>();
  const computing = memo.getOrCompute('flight', () => end.promise);
  const waiters = [13, 13, 13, 13, 12, 12, 12, 12].map((number) =>
    runPython<number[]>('python3', { store: 'waiters', waiters: number }),
  );
  while ((await client.ask<MemoStats>('GET', '/api/cache/stats?plane=memo')).waiting < 100) await sleep(50);
  const put = Date.now();
  end.resolve(value);
  await computing;
  memo.close();
  const after = (await Promise.all(waiters)).flat().map((at) => at * 1000 - put);
  after.sort((a, b) => a - b);
  return `100 that wait in 8 processes: the first has the result ${after[0]?.toFixed(0)} ms after its computation, the last after ${after.at(-1)?.toFixed(0)} ms; goal <= 20 ms`;
}

async function inNode(): Promise<Figures> {
  const memo = createMemo({ namespace: 'bench-node', stateDir: installed.stateDir });
  const find = () => memo.getOrCompute('small', () => value);
  await find();
  const figures = await timed(find);
  memo.close();
  return figures;
}

async function ofKeyv(): Promise<Figures> {
  const keyv = keyvOverSqlite(installed.dir);
  await keyv.set('small', value);
  const figures = await timed(() => keyv.get('small'));
  const large: number[] = [];
  for (let index = 0; index < 3; index += 1) {
    const bytes = randomBytes(64 * MiB);
    const start = performance.now();
    await keyv.set(`large ${index}`, bytes);
    large.push((performance.now() - start) / 1000);
  }
  return { ...figures, large: large.sort((a, b) => a - b)[1] ?? 0 };
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

/** Median seconds of `cp`, and of `cp` with what makes it survive a loss of power, as results do. */
function copies(): Record<string, number> {
  const [from, to] = [join(installed.dir, 'from'), join(installed.dir, 'to')];
  writeFileSync(from, randomBytes(64 * MiB));
  const median = (command: string) => {
    const took = Array.from({ length: 5 }, () => {
      const start = performance.now();
      spawnSync('sh', ['-c', command, 'sh', from, to]);
      return (performance.now() - start) / 1000;
    });
    return took.sort((a, b) => a - b)[2] ?? 0;
  };
  return { cp: median('cp "$1" "$2"'), 'cp, sync': median('cp "$1" "$2" && sync "$2"') };
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
