/**
 * Many small files: speed of copying them, beside `cp -r` of the same folder made durable by `sync`; time to evict one beside 40 other
 * programs; and time of a trial of `purge` over 20,000 equal files, which must not delay any lookup.
 *
 *     node bench/small-files.ts [copy | evict | trial]
 */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { Installed } from './installed.ts';
import { accounted, makeManyCopies } from './many-copies.ts';

const files = 2000;
const rounds = 5;
const [programs, evicted] = [40, 100];
const equal = 20_000;

const table = new Table({ head: ['', 'median', 'range', 'goal'], style: { head: [], border: [] } });
const parts = { copy: copyMany, evict: evictBesidePrograms, trial: tryOverEqualFiles };
for (const [name, run] of Object.entries(parts)) if ([name, undefined].includes(process.argv[2])) await run();
console.log(table.toString());

/** Files a second, each round beside `cp`. */
async function copyMany(): Promise<void> {
  await using installed = hdd('bench-small-files');
  const folder = join(installed.root, 'embeddings');
  mkdirSync(folder, { recursive: true });
  const paths = Array.from({ length: files }, (_, index) => join(folder, `word-${index}.safetensors`));
  for (const [index, path] of paths.entries()) writeFileSync(path, Buffer.alloc(4096 + (index % 16) * 1024, path));
  const client = await installed.start();
  await client.warm({ paths: paths.slice(0, 3), wait: true });
  const ours: number[] = [];
  const cp: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    await client.clear({ all: true });
    execFileSync('sync');
    let startedAt = performance.now();
    const { missing, items } = await client.warm({ paths, wait: true });
    ours.push(files / secondsSince(startedAt));
    if (missing > 0) throw new Error(`${missing} files were not copied: ${JSON.stringify(items.find(({ ready }) => !ready))}`);
    const target = join(installed.dir, 'cp');
    execFileSync('sync');
    startedAt = performance.now();
    execFileSync('sh', ['-c', 'cp -r "$0" "$1" && sync -f "$1"', folder, target]);
    cp.push(files / secondsSince(startedAt));
    rmSync(target, { recursive: true });
  }
  row(`files copied a second, of ${files}`, ours, '>= 200');
  row('the same with cp -r and sync', cp, '');
  row(
    'ratio',
    ours.map((speed, round) => speed / (cp[round] ?? Number.NaN)),
    '',
    3,
  );
}

/** One copy at a time is evicted while other programs run, each with files of its own open. */
async function evictBesidePrograms(): Promise<void> {
  await using installed = hdd('bench-evict');
  const paths = await makeManyCopies(evicted, { ...installed, cacheDir: join(installed.dir, 'ssd') });
  const client = await installed.start();
  await accounted(client);
  const script = 'import mmap, time\nkept = [open(__file__) for _ in range(200)]\nprint(1, flush=True)\ntime.sleep(1e6)';
  const program = join(installed.dir, 'program.py');
  writeFileSync(program, script);
  const others = Array.from({ length: programs }, () => spawn('python3', [program], { stdio: ['ignore', 'pipe', 'inherit'] }));
  try {
    await Promise.all(others.map(({ stdout }) => once(stdout, 'data')));
    const times: number[] = [];
    for (const path of paths) {
      const startedAt = performance.now();
      await client.evict({ paths: [path] });
      times.push(secondsSince(startedAt) * 1000);
    }
    row(`evict one copy beside ${programs} programs, ms`, times, '');
  } finally {
    await Promise.all(others.map(ended));
  }
}

/** Equal hashes must not be compared each with each. */
async function tryOverEqualFiles(): Promise<void> {
  await using installed = hdd('bench-equal');
  await makeManyCopies(equal, { ...installed, cacheDir: join(installed.dir, 'ssd'), equal: true });
  const client = await installed.start();
  await accounted(client);
  const times: number[] = [];
  const answers: number[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const startedAt = performance.now();
    const trial = client.clear({ all: true, dryRun: true }).finally(() => times.push(secondsSince(startedAt) * 1000));
    answers.push(await longestAnswer(client, trial));
    const { files: found } = await trial;
    if (found !== equal) throw new Error(`${found} of ${equal} files would go`);
  }
  row(`trial of purge over ${equal} equal files, ms`, times, '');
  row('the slowest answer meanwhile, ms', answers, '');
}

/** Asks for health until the work is over. @returns ms */
async function longestAnswer(client: Client, work: Promise<unknown>): Promise<number> {
  let longest = 0;
  let isOver = false;
  void work.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    const askedAt = performance.now();
    await client.healthy();
    longest = Math.max(longest, performance.now() - askedAt);
    await sleep(2);
  }
  return longest;
}

function hdd(name: string): Installed {
  return new Installed(name, (root) => ({ AUTOCACHE_ROOTS: `${root}=hdd`, AUTOCACHE_LIMIT: '20GiB' }));
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return;
  const gone = once(child, 'exit');
  child.kill();
  await gone;
}

function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000;
}

function row(name: string, values: readonly number[], goal: string, digits = 0): void {
  const sorted = values.toSorted((a, b) => a - b);
  const [least = Number.NaN, middle = Number.NaN, most = Number.NaN] = [0, sorted.length >> 1, sorted.length - 1].map(
    (at) => sorted[at],
  );
  table.push([name, middle.toFixed(digits), `${least.toFixed(digits)} to ${most.toFixed(digits)}`, goal]);
}
