/**
 * Seconds until a program has read a model: from a slow disk without autocached, and through a daemon that has no copy yet, has it
 * on the SSD, compressed in the cold tier (with the RAM tier off and on), or in memory.
 *
 *     node bench/tiers.ts [MiB of the model, 2048]
 *
 * "path after" is the time of the lookup's answer, including its wait; "read after" the time when all bytes behind that path are
 * read too. Page caches are cold, except for a copy made while the lookup waited: it is in the page cache, as for a loader. The
 * model is synthetic weights in bf16. The slow disk is a real ext4 on a throttled loop device, so this needs root on Linux. The
 * temporary directory needs room for ten such models: the cold tier begins to work when the cache is nearly full.
 */
import { closeSync, mkdirSync, mkdtempSync, openSync, readSync, rmSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { Client } from '../src/cli/client.ts';
import type { TierName } from '../src/core/types.ts';
import { endLeases, Installed } from './installed.ts';
import { forget, SlowMount } from './slow-mount.ts';
import { makeModel } from './weights.ts';

const MiB = 2 ** 20;
const size = Number(process.argv[2] ?? 2048) * MiB;
const limit = Math.round(8.2 * size);
const bytesPerSecond = 150e6;
const loader = { app: 'bench', pid: process.pid };
const block = Buffer.alloc(8 * MiB);

const memory = mkdtempSync('/dev/shm/autocached-bench-tiers-');
using slow = SlowMount.orSkip({ bytes: Math.round(1.1 * size) + 64 * MiB, bytesPerSecond });
try {
  if (slow) await measureAll(slow);
} finally {
  rmSync(memory, { recursive: true, force: true });
}

interface Load {
  reason: string;
  answered: number;
  read: number;
  path: string;
}

async function measureAll({ path: root }: SlowMount): Promise<void> {
  await using installed = new Installed('bench-tiers', (other) => ({
    AUTOCACHE_ROOTS: `${root}=hdd;${other}=hdd`,
    AUTOCACHE_LIMIT: String(limit),
    AUTOCACHE_COMPRESS: 'cold',
    AUTOCACHE_ON_MISS: 'wait',
  }));
  const model = join(root, 'model.safetensors');
  writeWhole(model, makeModel('BF16', size));
  const filling = join(installed.root, 'filling.bin');
  mkdirSync(installed.root);
  closeSync(openSync(filling, 'w'));
  truncateSync(filling, Math.round(5.5 * size));
  let client = await installed.start();
  // A pinned file takes two thirds of the cache.
  await client.warm({ paths: [filling], wait: true });
  await client.pin({ paths: [filling] });
  forget(model);
  const direct = seconds(() => readAll(model));
  forget(model);
  const rows: [string, Load][] = [['source, through a copy', await load(client, model)]];
  forget(rows.at(-1)?.[1].path ?? '');
  rows.push(['SSD', await load(client, model)]);
  forget(await compressed(client, model));
  rows.push(['cold tier, to the SSD', await load(client, model)]);
  await installed.end('SIGTERM');
  Object.assign(installed.env, { AUTOCACHE_RAM_DIR: memory, AUTOCACHE_RAM_LIMIT: String(Math.round(1.5 * size)) });
  client = await installed.start();
  forget(await compressed(client, model));
  rows.push(['cold tier, to memory', await load(client, model)]);
  rows.push(['RAM', await load(client, model)]);
  const head = ['', 'reason', 'path after s', 'read after s', '× without'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  table.push(['source, without autocached', '', '', direct.toFixed(2), '1.00']);
  for (const [name, { reason, answered, read }] of rows) {
    table.push([name, reason, answered.toFixed(2), read.toFixed(2), (direct / read).toFixed(2)]);
  }
  console.log(`${size / MiB} MiB of bf16 weights, source of ${bytesPerSecond / 1e6} MB/s\n${table.toString()}`);
}

async function load(client: Client, model: string): Promise<Load> {
  const begin = performance.now();
  const { path, reason } = await client.lookup({ path: model, purpose: 'load', waitMs: 600_000, client: loader });
  const answered = (performance.now() - begin) / 1000;
  return { path, reason, answered, read: answered + seconds(() => readAll(path)) };
}

/** Ends the use of the model, and waits until it is compressed. @returns its path */
async function compressed(client: Client, model: string): Promise<string> {
  await endLeases(client, loader);
  for (let looks = 0; looks < 600; looks++) {
    // The daemon looks for something to compress whenever its limit changes.
    await client.changeConfig({ limit: String(limit + (looks % 2)) });
    const { entries } = await client.entries({ cached: true });
    const copies = entries.find(({ path }) => path === model)?.copies ?? [];
    const of = (tier: TierName) => copies.find((copy) => copy.tier === tier && copy.state === 'ready');
    const cold = of('cold');
    if (cold && !of('ssd')) return cold.path;
    await sleep(500);
  }
  throw new Error('nothing was compressed within five minutes');
}

/** Writes in pieces: one call takes less than 2 GiB. */
function writeWhole(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'w');
  for (let at = 0; at < bytes.length; at += block.length) writeSync(fd, bytes.subarray(at, at + block.length));
  closeSync(fd);
}

function readAll(path: string): void {
  const fd = openSync(path, 'r');
  while (readSync(fd, block) > 0);
  closeSync(fd);
}

function seconds(work: () => void): number {
  const begin = performance.now();
  work();
  return (performance.now() - begin) / 1000;
}
