/**
 * A program reads a file from a hard disk while autocached copies another one from it: how much longer does that take than alone,
 * with `AUTOCACHE_POLITE` and without it? The disk is a real ext4 on a throttled loop device, so this needs root on Linux.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { utimesSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { Installed } from './installed.ts';
import { forget, SlowMount, writeRandom } from './slow-mount.ts';

const MiB = 2 ** 20;
const rounds = 3;
const goal = 1.1;
const disk = { bytes: 2300 * MiB, bytesPerSecond: 150e6, readsPerSecond: 300 };
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
  const copied = writeRandom(join(root, 'copied.safetensors'), 1400 * MiB);
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
}

interface Beside {
  seconds: number;
  /** Bytes copied while the program read. */
  copied: number;
}

/** Reads while a background copy runs, which is ended afterwards. */
async function loadBeside(client: Client, path: string, read: () => Promise<number>): Promise<Beside> {
  // A new file to the daemon, so that it does not go on from where the last one was ended.
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

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}
