/**
 * A program reads a file from a hard disk while autocached copies another one from it. How much longer than alone does that take,
 * with and without `AUTOCACHE_POLITE`? And how much longer does a copy take beside a program that hardly needs the disk? The disk
 * is a real ext4 on a throttled loop device, so this needs root on Linux.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { median } from './figures.ts';
import { Installed } from './installed.ts';
import { forget, SlowMount, writeRandom } from './slow-mount.ts';

const MiB = 2 ** 20;
const rounds = 3;
const goal = 1.1;
const disk = { bytes: 3500 * MiB, bytesPerSecond: 150e6, readsPerSecond: 300 };
const cases = [
  { name: 'read in sequence, 400 MiB', reader: 'sequential', size: 400 * MiB },
  { name: 'mapped, pages in random order, 96 MiB', reader: 'mapped', size: 96 * MiB },
];

using slow = SlowMount.orSkip(disk);
if (slow) await measureAll(slow);

async function measureAll({ path: root }: SlowMount): Promise<void> {
  const settings = (polite: string) => () => ({
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_LIMIT: '20GiB',
    AUTOCACHE_POLITE: polite,
  });
  await using polite = new Installed('bench-polite', settings('on'));
  await using rude = new Installed('bench-rude', settings('off'));
  const daemons = { polite: await polite.start(), rude: await rude.start() };
  const copied = writeRandom(join(root, 'copied.safetensors'), 1900 * MiB);
  const table = new Table({
    head: ['', 'alone s', 'polite s', 'polite / alone', 'goal', 'copied MiB', 'off s', 'off / alone', 'copied MiB'],
    style: { head: [], border: [] },
  });
  for (const { name, reader, size } of cases) {
    const read = writeRandom(join(root, 'read.bin'), size);
    const alone: number[] = [];
    const beside: Record<keyof typeof daemons, Beside[]> = { polite: [], rude: [] };
    for (let round = 0; round < rounds; round += 1) {
      const steps = [
        async () => void alone.push(await load(reader, read)),
        async () => void beside.polite.push(await loadBeside(daemons.polite, copied, () => load(reader, read))),
        async () => void beside.rude.push(await loadBeside(daemons.rude, copied, () => load(reader, read))),
      ];
      for (const step of round % 2 ? steps.reverse() : steps) await step();
    }
    const columns = ([polite, rude]: [Beside[], Beside[]]) =>
      [polite, rude].map((all) => {
        const seconds = median(all.map((one) => one.seconds));
        const meanwhile = median(all.map((one) => one.copied)) / MiB;
        return [seconds.toFixed(2), (seconds / median(alone)).toFixed(2), meanwhile.toFixed(0)] as const;
      });
    const [ours, theirs] = columns([beside.polite, beside.rude]);
    table.push([
      name,
      median(alone).toFixed(2),
      ...(ours?.slice(0, 2) ?? []),
      `<= ${goal}`,
      ours?.[2] ?? '',
      ...(theirs ?? []),
    ]);
  }
  console.log(`${rounds} rounds, disk of ${disk.bytesPerSecond / 1e6} MB/s and ${disk.readsPerSecond} reads a second\n`);
  console.log(table.toString());
  console.log(`\n${await measureCopies(daemons.polite, root)}`);
}

/** Small reads, to which copies should hardly yield: the time of a copy of 1 GiB beside them. */
async function measureCopies(client: Client, root: string): Promise<string> {
  const copied = writeRandom(join(root, 'large.safetensors'), 1024 * MiB);
  const read = writeRandom(join(root, 'read.bin'), 400 * MiB);
  const warmed = () => client.warm({ paths: [copied] });
  const told = () => client.lookup({ path: copied, purpose: 'load', waitMs: 0, client: { app: 'bench', pid: process.pid } });
  const copy = { alone: [] as number[], beside: [] as number[], unread: [] as number[] };
  for (let round = 0; round < rounds; round += 1) {
    copy.alone.push(await timeOfCopy(client, copied, warmed));
    const slowReader = startReading(read, 5e6);
    copy.beside.push(await timeOfCopy(client, copied, warmed));
    slowReader.kill();
    copy.unread.push(await timeOfCopy(client, copied, told));
  }
  const table = new Table({ head: ['a copy of 1 GiB', 's', '/ alone', 'goal'], style: { head: [], border: [] } });
  const row = (name: string, all: number[], goal: number) =>
    table.push([name, median(all).toFixed(2), (median(all) / median(copy.alone)).toFixed(2), `<= ${goal}`]);
  table.push(['alone', median(copy.alone).toFixed(2), '1', '']);
  row('beside a program that reads 5 MB/s without end', copy.beside, 1.3);
  row('for an asker that was told to read the source and does not', copy.unread, 1.05);
  return table.toString();
}

/** Seconds from the request to the end of the copy. */
async function timeOfCopy(client: Client, path: string, request: () => Promise<unknown>): Promise<number> {
  // The daemon sees a new file.
  utimesSync(path, new Date(), new Date());
  forget(path);
  const startedAt = performance.now();
  await request();
  const isOpen = async () => (await client.jobs()).jobs.some(({ state }) => state === 'running' || state === 'queued');
  while (await isOpen()) await sleep(20);
  return (performance.now() - startedAt) / 1000;
}

/** A program that reads a file from the disk over and over, at `rate` bytes per second. */
function startReading(path: string, rate: number): ChildProcess {
  const script = fileURLToPath(new URL('./slow_reader.py', import.meta.url));
  const reader = spawn('python3', [script, path, String(rate)], { stdio: ['ignore', 'ignore', 'inherit'] });
  process.once('exit', () => reader.kill());
  return reader;
}

interface Beside {
  seconds: number;
  /** Bytes copied while the program read. */
  copied: number;
}

/** Reads while a background copy runs, and then ends the copy. */
async function loadBeside(client: Client, path: string, read: () => Promise<number>): Promise<Beside> {
  // The daemon sees a new file, so it does not resume the last copy.
  utimesSync(path, new Date(), new Date());
  forget(path);
  await client.warm({ paths: [path] });
  const job = async () => (await client.jobs()).jobs.find(({ state }) => state === 'running');
  while (((await job())?.bytesDone ?? 0) < 32 * MiB) await sleep(20);
  const before = (await job())?.bytesDone ?? 0;
  const seconds = await read();
  const after = await job();
  if (!after) throw new Error('the copy ended before the program had read its file');
  await client.cancelJob(after.id);
  while (await job()) await sleep(20);
  return { seconds, copied: after.bytesDone - before };
}

async function load(reader: string, path: string): Promise<number> {
  const script = fileURLToPath(new URL('./first_load_client.py', import.meta.url));
  const python = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  python.stdin.end(JSON.stringify({ reader, path, cold: [path] }));
  const [output, [code]] = await Promise.all([text(python.stdout), once(python, 'exit')]);
  if (code !== 0) throw new Error('the reading program failed');
  return (JSON.parse(output) as { seconds: number }).seconds;
}
