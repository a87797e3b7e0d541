/**
 * The first load of a model from a slow disk, with and without autocached, and the second; cold caches. The slow disk is a real
 * ext4 on a throttled loop device, so this needs root on Linux. `node bench/first-load.ts mapped` runs only the cases of that name.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import { median } from './figures.ts';
import { Installed } from './installed.ts';
import { SlowMount, writeRandom } from './slow-mount.ts';

const MiB = 2 ** 20;
const rounds = 3;
const waiters = 50;
/** Large enough to keep files in one piece. */
const disk = { bytes: 6 * 1024 * MiB, bytesPerSecond: 150e6 };
/**
 * Random reads of a hard disk. Sequential reads have no such bound: the kernel cuts some of them into hundreds, which a hard disk
 * takes as one, and the bound would count each.
 */
const readsPerSecond = 300;
/** Stands for the SSD: a separate disk, so that the benchmark's other writes do not slow the copies down. */
const ssd = { bytes: 14 * 1024 * MiB };

type Reader = 'sequential' | 'mapped';
interface Load {
  seconds: number;
  waited: number;
  reason: string;
  path: string;
}

interface Case {
  name: string;
  reader: Reader;
  extension: string;
  goal: number;
  /** Size of the model. It is small; larger ones gain more, because starting and publishing a copy costs the same. */
  mebibytes: number;
}

const cases: Case[] = [
  { name: 'read in sequence, .ckpt', reader: 'sequential', extension: 'ckpt', goal: 1.05, mebibytes: 1536 },
  { name: 'read in sequence, .safetensors', reader: 'sequential', extension: 'safetensors', goal: 1.05, mebibytes: 1536 },
  { name: 'mapped, pages in random order', reader: 'mapped', extension: 'safetensors', goal: 0.5, mebibytes: 512 },
];

using slow = SlowMount.orSkip(disk);
using fast = slow && SlowMount.orSkip(ssd);
if (slow && fast) await measureAll(slow, fast);

async function measureAll(slowDisk: SlowMount, { path: fastDir }: SlowMount): Promise<void> {
  const root = slowDisk.path;
  await using installed = new Installed('bench-first-load', () => ({
    AUTOCACHE_ROOTS: `${root}=hdd`,
    AUTOCACHE_DIR: join(fastDir, 'cache'),
    AUTOCACHE_LIMIT: '20GiB',
  }));
  const client = await installed.start();
  // One copy first, as in every real installation: the daemon then knows the disk.
  const known = writeRandom(join(root, 'known.safetensors'), 512 * MiB);
  await client.warm({ paths: [known], wait: true });
  rmSync(known);
  const table = new Table({
    head: [
      '',
      'MiB',
      'direct s',
      'first s',
      'first / direct',
      'goal',
      'reasons',
      'second s',
      'plain file on the SSD s',
      'second / plain',
    ],
    style: { head: [], border: [] },
  });
  for (const { name, reader, extension, goal, mebibytes } of cases.filter(({ name }) => name.includes(process.argv[2] ?? ''))) {
    const { bytesPerSecond } = disk;
    slowDisk.limit({ bytesPerSecond, ...(reader === 'mapped' && { readsPerSecond }) });
    const writeModel = (path: string) => writeRandom(path, mebibytes * MiB);
    const direct: number[] = [];
    const first: Load[] = [];
    const second: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < rounds; round += 1) {
      const local = join(fastDir, 'plain');
      writeModel(local);
      const [a, b] = ['a', 'b'].map((which) =>
        writeModel(join(root, `${reader}-${extension}-${round}-${which}.${extension}`)),
      ) as [string, string];
      // Unwritten data would slow the copy, but not the direct load.
      execFileSync('sync');
      // In turn, so that a noisy minute affects both.
      const steps = [
        async () => void direct.push((await load(reader, a)).seconds),
        async () => void first.push(await load(reader, b, client)),
      ];
      for (const step of round % 2 ? steps : steps.reverse()) await step();
      await idle(client);
      const { path } = (await client.lookup({ path: b, purpose: 'load', waitMs: 0, client: null })) as { path: string };
      second.push((await load(reader, b, client, [path])).seconds);
      plain.push((await load(reader, local)).seconds);
      for (const file of [a, b, local]) rmSync(file);
    }
    const firsts = first.map(({ seconds }) => seconds);
    table.push([
      name,
      mebibytes,
      median(direct).toFixed(2),
      median(firsts).toFixed(2),
      (median(firsts) / median(direct)).toFixed(2),
      `<= ${goal}`,
      [...new Set(first.map(({ reason }) => reason))].join(' '),
      median(second).toFixed(2),
      median(plain).toFixed(2),
      median(second.map((seconds, round) => seconds / (plain[round] ?? Number.NaN))).toFixed(2),
    ]);
  }
  console.log(
    `${rounds} rounds, disk of ${disk.bytesPerSecond / 1e6} MB/s; for the mapped load ${readsPerSecond} reads a second\n`,
  );
  console.log(table.toString());
  console.log(await wake(client, writeRandom(join(root, 'asked-by-many.safetensors'), 512 * MiB)));
}

/** How soon all clients that wait for one copy have their answers. */
async function wake(client: Client, path: string): Promise<string> {
  const answers = await Promise.all(Array.from({ length: waiters }, () => ask(client, path)));
  if (answers.some(({ answer }) => !answer.includes('HIT_AFTER_WAIT'))) throw new Error('not all have waited');
  const { path: copy } = await client.lookup({ path, purpose: 'metadata', waitMs: 0, client: null });
  const namedAt = Number(statSync(copy, { bigint: true }).ctimeNs) / 1e6 - performance.timeOrigin;
  const after = answers.map(({ at }) => at - namedAt).toSorted((a, b) => a - b);
  const [first = Number.NaN] = after;
  const last = after.at(-1) ?? Number.NaN;
  return `${waiters} waiters of one copy: the first has its answer ${first.toFixed(1)} ms after the copy has its name (and its directory is flushed), the last ${(last - first).toFixed(1)} ms later; goal <= 10 ms`;
}

/** On a separate connection, with little overhead: fifty waiters in one process should measure the daemon, not themselves. */
async function ask({ daemon }: Client, path: string): Promise<{ at: number; answer: string }> {
  const { hostname, port, host } = new URL(daemon.url);
  const body = JSON.stringify({ path, waitMs: 600_000 });
  const head = [
    'POST /api/lookup HTTP/1.1',
    `Host: ${host}`,
    `Authorization: Bearer ${readFileSync(daemon.tokenFile, 'utf8').trim()}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
    'Connection: close',
  ];
  const socket = connect(Number(port), hostname);
  socket.write(`${head.join('\r\n')}\r\n\r\n${body}`);
  const [first] = (await once(socket, 'data')) as [Buffer];
  const at = performance.now();
  return { at, answer: first.toString() + (await text(socket)) };
}

async function load(reader: Reader, path: string, client?: Client, cold: string[] = [path]): Promise<Load> {
  const script = fileURLToPath(new URL('./first_load_client.py', import.meta.url));
  const python = spawn('python3', [script], { stdio: ['pipe', 'pipe', 'inherit'] });
  const daemon = client && { url: client.daemon.url, token: readFileSync(client.daemon.tokenFile, 'utf8').trim() };
  python.stdin.end(JSON.stringify({ reader, path, cold, ...daemon }));
  const [output, [code]] = await Promise.all([text(python.stdout), once(python, 'exit')]);
  if (code !== 0) throw new Error('the Python loader failed');
  return JSON.parse(output) as Load;
}

async function idle(client: Client): Promise<void> {
  while ((await client.jobs()).jobs.some(({ state }) => state === 'running' || state === 'queued')) await sleep(20);
}
