/**
 * How soon a daemon with many copies answers: seconds from the start of its process to the first right answer of
 * `POST /api/lookup`, with its catalog and without it; until everything is accounted for; and its memory. Beside it `sqlite3`,
 * which opens the same catalog and counts its rows.
 *
 *     node bench/start.ts [copies, 100000] [rounds, 5]
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { Client } from '../src/cli/client.ts';
import { Installed } from './installed.ts';
import { dropCatalog, makeManyCopies } from './many-copies.ts';

const copies = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 5);
const goals = { seconds: 1, mebibytes: 150 };

await using installed = new Installed('bench-start', (root) => ({ AUTOCACHE_ROOTS: `${root}=hdd`, AUTOCACHE_LIMIT: '20GiB' }));
const { root, stateDir } = installed;
const startedAt = performance.now();
const paths = await makeManyCopies(copies, { root, cacheDir: join(installed.dir, 'ssd'), stateDir });
console.log(`${copies} copies made in ${((performance.now() - startedAt) / 1000).toFixed(0)} s; ${rounds} rounds\n`);

const sqlite: number[] = [];
const withCatalog: Start[] = [];
const withoutCatalog: Start[] = [];
for (let round = 0; round < rounds; round += 1) {
  const seconds = countRows();
  if (seconds !== null) sqlite.push(seconds);
  withCatalog.push(await start());
  dropCatalog(stateDir);
  withoutCatalog.push(await start());
}

const table = new Table({
  head: ['', 'first answer s', 'range', 'x sqlite3', 'goal', 'accounted s', 'MiB then', 'most MiB', 'goal'],
  style: { head: [], border: [] },
});
const beside = median(sqlite);
if (sqlite.length > 0) table.push(['sqlite3 counts the rows', beside.toFixed(3), rangeOf(sqlite), '1', '', '', '', '', '']);
else console.log('sqlite3 is not installed: there is nothing to compare with\n');
for (const [name, all] of [['with its catalog', withCatalog] as const, ['catalog lost', withoutCatalog] as const]) {
  const answered = all.map(({ seconds }) => seconds);
  table.push([
    name,
    median(answered).toFixed(2),
    rangeOf(answered),
    sqlite.length > 0 ? (median(answered) / beside).toFixed(0) : '-',
    `<= ${goals.seconds}`,
    median(all.map(({ accounted }) => accounted)).toFixed(1),
    median(all.map(({ mebibytes }) => mebibytes)).toFixed(0),
    Math.max(...all.map(({ most }) => most)).toFixed(0),
    `<= ${goals.mebibytes}`,
  ]);
}
console.log(table.toString());

interface Start {
  /** Until the first answer. */
  seconds: number;
  /** Until everything in the cache was accounted for. */
  accounted: number;
  /**
   * Memory of the process at the first answer, and its maximum until all was accounted for; NaN where the system does not report
   * it.
   */
  mebibytes: number;
  most: number;
}

async function start(): Promise<Start> {
  const path = paths[Math.floor(Math.random() * paths.length)] ?? '';
  const { size, mtimeNs } = statSync(path, { bigint: true });
  const file = { path, size: Number(size), mtimeNs: String(mtimeNs) };
  const startedAt = performance.now();
  const since = () => (performance.now() - startedAt) / 1000;
  const child = installed.launch();
  child.stdout.resume();
  const client = await untilFound(child.pid);
  const answer = await client.lookup({ ...file, purpose: 'load', waitMs: 0, client: { app: 'bench', pid: process.pid } });
  const seconds = since();
  if (answer.reason !== 'HIT' || !readFileSync(answer.path).equals(readFileSync(path)))
    throw new Error(`${path} was answered with ${answer.reason}: ${answer.path}`);
  const mebibytes = memoryOf(child.pid, 'VmRSS');
  while ((await client.stats()).accounting !== null) await sleep(100);
  const accounted = since();
  await sleep(2000);
  const most = memoryOf(child.pid, 'VmHWM');
  await installed.end('SIGTERM');
  return { seconds, accounted, mebibytes, most };
}

/** The daemon of this process, as soon as it listens. */
async function untilFound(pid: number | undefined): Promise<Client> {
  for (;;) {
    const client = await Client.find(stateDir).catch(() => null);
    if (client?.daemon.pid === pid && client) return client;
    await sleep(2);
  }
}

/** MiB, NaN where the system does not report it. */
function memoryOf(pid: number | undefined, what: 'VmRSS' | 'VmHWM'): number {
  try {
    const [, kibibytes] = new RegExp(`^${what}:\\s*(\\d+) kB$`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
    return Number(kibibytes) / 1024;
  } catch {
    return Number.NaN;
  }
}

/** Duration of `sqlite3`, seconds; null when it is not installed. */
function countRows(): number | null {
  const begunAt = performance.now();
  const { status } = spawnSync('sqlite3', [join(stateDir, 'catalog.db'), 'select count(*) from copies']);
  return status === 0 ? (performance.now() - begunAt) / 1000 : null;
}

function rangeOf(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}
