/**
 * Startup of a daemon with many copies: seconds from the start of its process to the first right answer of
 * `POST /api/lookup`, with its catalog lost and with it; until everything is accounted for; and its peak memory until then.
 * Beside it `sqlite3`, which opens the same catalog and counts its rows.
 *
 *     node bench/start.ts [copies, 100000] [most rounds, 5]
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { Client } from '../src/cli/client.ts';
import { median, mostMemoryOf } from './figures.ts';
import { Installed } from './installed.ts';
import { accounted, dropCatalog, makeManyCopies } from './many-copies.ts';

const copies = Number(process.argv[2] ?? 100_000);
const rounds = Number(process.argv[3] ?? 5);
/** Latest start of a round, s. */
const lastRoundAt = 150;
const goals = { seconds: 1, mebibytes: 150 };

await using installed = new Installed('bench-start', (root) => ({ AUTOCACHE_ROOTS: `${root}=hdd`, AUTOCACHE_LIMIT: '20GiB' }));
const { root, stateDir } = installed;
const begunAt = performance.now();
const elapsed = () => (performance.now() - begunAt) / 1000;
const paths = await makeManyCopies(copies, { root, cacheDir: join(installed.dir, 'ssd') });
console.log(`${copies} copies made in ${elapsed().toFixed(0)} s`);

const sqlite: number[] = [];
const withoutCatalog: Start[] = [];
const withCatalog: Start[] = [];
for (let round = 0; round < rounds && (round === 0 || elapsed() < lastRoundAt); round += 1) {
  dropCatalog(stateDir);
  withoutCatalog.push(await start());
  const seconds = countRows();
  if (seconds !== null) sqlite.push(seconds);
  withCatalog.push(await start());
}

console.log(`${withCatalog.length} rounds, ${elapsed().toFixed(0)} s in all\n`);
const table = new Table({
  head: [
    '',
    'first answer s',
    'range',
    'x sqlite3',
    'goal',
    'MiB till then',
    'accounted s',
    'MiB till then',
    'goal',
    'MiB after',
  ],
  style: { head: [], border: [] },
});
const beside = median(sqlite);
if (sqlite.length > 0) table.push(['sqlite3 counts the rows', beside.toFixed(3), rangeOf(sqlite), '1', '', '', '', '', '', '']);
else console.log('sqlite3 is not installed: there is nothing to compare with\n');
for (const [name, all] of [['with its catalog', withCatalog] as const, ['catalog lost', withoutCatalog] as const]) {
  const answered = all.map(({ seconds }) => seconds);
  const most = (of: 'atAnswer' | 'atAccounted' | 'after') => Math.max(...all.map((one) => one[of])).toFixed(0);
  table.push([
    name,
    median(answered).toFixed(2),
    rangeOf(answered),
    sqlite.length > 0 ? (median(answered) / beside).toFixed(0) : '-',
    `<= ${goals.seconds}`,
    most('atAnswer'),
    median(all.map((one) => one.accounted)).toFixed(1),
    most('atAccounted'),
    `<= ${goals.mebibytes}`,
    most('after'),
  ]);
}
console.log(table.toString());

interface Start {
  /** Time to the first answer. */
  seconds: number;
  /** Time until everything in the cache was accounted for. */
  accounted: number;
  /** Peak memory at the first answer, when all was accounted for, and two seconds later, MiB; NaN where the system does not report it. */
  atAnswer: number;
  atAccounted: number;
  after: number;
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
  const atAnswer = mostMemoryOf(child.pid);
  await accounted(client);
  const at = { accounted: since(), atAccounted: mostMemoryOf(child.pid) };
  await sleep(2000);
  const after = mostMemoryOf(child.pid);
  await installed.end('SIGTERM');
  return { seconds, atAnswer, ...at, after };
}

/** The daemon of this process, as soon as it listens. */
async function untilFound(pid: number | undefined): Promise<Client> {
  for (;;) {
    const client = await Client.find(stateDir).catch(() => null);
    if (client?.daemon.pid === pid && client) return client;
    await sleep(2);
  }
}

/** Duration of `sqlite3`, seconds; null when it is not installed. */
function countRows(): number | null {
  const startedAt = performance.now();
  const { status } = spawnSync('sqlite3', [join(stateDir, 'catalog.db'), 'select count(*) from copies']);
  return status === 0 ? (performance.now() - startedAt) / 1000 : null;
}

function rangeOf(values: readonly number[]): string {
  return `${Math.min(...values).toFixed(2)} to ${Math.max(...values).toFixed(2)}`;
}
