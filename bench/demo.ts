/** The main job in under a minute, without ComfyUI: `npm run demo`. See README. */
import { createHash, randomFillSync } from 'node:crypto';
import { closeSync, mkdirSync, openSync, readSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import type { LookupAnswer } from '../src/api/api.ts';
import { formatBytes } from '../src/core/format.ts';
import { Installed } from './installed.ts';

/** Speed of a NAS on 1 Gbit/s, bytes per second. */
const nasSpeed = 110e6;
const MiB = 2 ** 20;

const installed = new Installed('demo', (root) => ({
  AUTOCACHE_ROOTS: `${root}=nas`,
  AUTOCACHE_LIMIT: '1GiB',
  AUTOCACHE_RATE: `nas=${nasSpeed}`,
}));
const nas = installed.root;

interface Row {
  step: string;
  answer: LookupAnswer;
  seconds: number;
  bytesPerSecond: number;
  same: boolean;
}

const rows: Row[] = [];
const hashes = new Map<string, string>();
let client = await installed.start();
try {
  await play();
} finally {
  await installed[Symbol.asyncDispose]();
}
print();
process.exitCode = rows.every((row) => row.same) ? 0 : 1;

async function play(): Promise<void> {
  const checkpoint = makeModel('checkpoints/landscape.safetensors', 256 * MiB);
  const encoder = makeModel('text_encoders/words.safetensors', 128 * MiB);
  const lora = makeModel('loras/style.safetensors', 48 * MiB);
  await openAs('cold: nothing is cached yet', checkpoint);
  await openAs('again, while the copy is being made', encoder, { twice: true });
  await copied(checkpoint);
  await openAs('warm: the copy is ready', checkpoint);
  await openAs('cold, but the loader waits for the copy', lora, { waitMs: 30_000 });
  await installed.end('SIGKILL');
  client = await installed.start();
  await openAs('after kill -9 and a new start', checkpoint);
  await sleep(20);
  makeModel('checkpoints/landscape.safetensors', 256 * MiB);
  await openAs('the source was replaced', checkpoint);
  await copied(checkpoint);
  await openAs('its new bytes are copied', checkpoint);
  renameSync(nas, `${nas}-unplugged`);
  mkdirSync(nas);
  await openAs('the source is gone, its mount point empty', checkpoint, { offline: true });
}

/** A safetensors file with one tensor of random weights. Written under a temporary name and renamed, as by a download. */
function makeModel(name: string, size: number): string {
  const path = join(nas, name);
  const header = Buffer.from(JSON.stringify({ weight: { dtype: 'U8', shape: [size], data_offsets: [0, size] } }));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  mkdirSync(dirname(path), { recursive: true });
  const hash = createHash('sha256');
  const fd = openSync(`${path}.download`, 'w');
  const block = Buffer.alloc(MiB);
  for (const bytes of [length, header]) {
    hash.update(bytes);
    writeSync(fd, bytes);
  }
  for (let done = 0; done < size; done += block.length) {
    randomFillSync(block);
    hash.update(block);
    writeSync(fd, block);
  }
  closeSync(fd);
  renameSync(`${path}.download`, path);
  hashes.set(path, hash.digest('hex'));
  return path;
}

/** Asks where to open a file and reads the answer to its last byte, as a loader does. */
async function openAs(
  step: string,
  path: string,
  how: { twice?: boolean; waitMs?: number; offline?: boolean } = {},
): Promise<void> {
  const stat = how.offline ? {} : ownStat(path);
  const ask = () =>
    client.lookup({ path, ...stat, purpose: 'load', waitMs: how.waitMs ?? 0, client: { app: 'demo', pid: process.pid } });
  const startedAt = performance.now();
  let answer = await ask();
  if (how.twice) {
    await sleep(300);
    answer = await ask();
  }
  const read = await readAll(answer.path);
  const seconds = how.twice ? read.seconds : (performance.now() - startedAt) / 1000;
  rows.push({ step, answer, seconds, bytesPerSecond: read.bytes / seconds, same: read.hash === hashes.get(path) });
}

function ownStat(path: string): { size: number; mtimeNs: string } {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  return { size: Number(size), mtimeNs: String(mtimeNs) };
}

/** Reads a file to its end; below the "NAS" at most at a NAS's speed. */
async function readAll(path: string): Promise<{ hash: string; bytes: number; seconds: number }> {
  const hash = createHash('sha256');
  const block = Buffer.alloc(4 * MiB);
  const fd = openSync(path, 'r');
  const startedAt = performance.now();
  let bytes = 0;
  for (let length = readSync(fd, block); length > 0; length = readSync(fd, block)) {
    hash.update(block.subarray(0, length));
    bytes += length;
    const dueMs = path.startsWith(nas) ? (bytes / nasSpeed) * 1000 - (performance.now() - startedAt) : 0;
    if (dueMs > 0) await sleep(dueMs);
  }
  closeSync(fd);
  return { hash: hash.digest('hex'), bytes, seconds: (performance.now() - startedAt) / 1000 };
}

/** Waits until the file has a copy, as `warm` does. */
async function copied(path: string): Promise<void> {
  const { missing } = await client.warm({ paths: [path], wait: true });
  if (missing > 0) throw new Error(`${path} was not copied`);
}

function print(): void {
  const cold = rows[0]?.bytesPerSecond ?? 1;
  const table = new Table({
    head: ['step', 'reason', 'tier', 'seconds', 'per second', 'speed-up', 'bytes'],
    style: { head: [], border: [] },
  });
  for (const { step, answer, seconds, bytesPerSecond, same } of rows) {
    const speedUp = `${(bytesPerSecond / cold).toFixed(1)}x`;
    table.push([
      step,
      answer.reason,
      answer.tier ?? '-',
      seconds.toFixed(2),
      formatBytes(bytesPerSecond),
      speedUp,
      same ? 'equal' : 'WRONG',
    ]);
  }
  console.log(
    `A source paced to a 1 Gbit/s NAS (${formatBytes(nasSpeed)} a second), copies on this disk. Time includes the lookup.\n`,
  );
  console.log(table.toString());
}
