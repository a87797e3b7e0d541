/**
 * Speed of restoring a compressed model, beside `cp` of the plain file and `zstd -d`, in one run: to the SSD that it lies on, from memory
 * to the SSD, as from a disk of its own, and within memory.
 *
 *     npm run bench -- restore [MiB of the model, 2048] [rounds, 3] [directory on the SSD]
 *
 * Seconds of the clock until all bytes are on the disk (`sync` of the file), best of the rounds, and the processor seconds of that
 * round. Page caches are cold where this is root. "alone" is the restore on one thread, chunk by chunk, as the reader of a small file
 * works. "write" is the disk's own speed: zeros written past the page cache; "read, write" is the same while the compressed file is read
 * past the page cache, which is the bound of a restore from and to one disk. Needs bash, dd, zstd.
 */
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, fsyncSync, mkdtempSync, openSync, readSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import Table from 'cli-table3';
import { CompressedFile } from '../src/codec/compressed-file.ts';
import { encodeFile } from '../src/codec/encode.ts';
import { compressedReader } from '../src/transfer/block-readers.ts';
import { BlockWriter } from '../src/transfer/block-writer.ts';
import { CopyHashes } from '../src/transfer/copy-hashes.ts';
import { eachBlock } from '../src/transfer/each-block.ts';
import { type RestorePlan, restoreParts } from '../src/transfer/restore-parts.ts';
import { forget } from './slow-mount.ts';
import { unfollowed } from './unfollowed.ts';
import { makeModel } from './weights.ts';
import { withFiles } from './with-files.ts';

const MiB = 2 ** 20;
const size = Number(process.argv[2] ?? 2048) * MiB;
const rounds = Number(process.argv[3] ?? 3);
/** The built worker: from its source, a thread would first spend a fifth of a processor second on removing the types. */
const built = new URL('../dist/src/transfer/restore-worker.js', import.meta.url);

interface Taken {
  seconds: number;
  cpu: number;
}

const ssd = process.argv[4] ?? tmpdir();
const memory = '/dev/shm';
await measure('SSD', ssd, ssd);
if (existsSync(memory)) {
  await measure('SSD, from memory', memory, ssd);
  await measure('memory', memory, memory);
}

async function measure(name: string, from: string, to: string): Promise<void> {
  const directories = [from, to].map((parent) => mkdtempSync(join(parent, 'autocached-bench-restore-')));
  const [source = '', place = ''] = directories;
  try {
    await compare(name, (file) => join(source, file), join(place, 'target'));
  } finally {
    for (const directory of directories) rmSync(directory, { recursive: true, force: true });
  }
}

async function compare(name: string, at: (file: string) => string, target: string): Promise<void> {
  writeWhole(at('model'), makeModel('BF16', size));
  await withFiles(at('model'), at('model.zst'), encodeFile);
  execFileSync('zstd', ['-q', '-f', '-3', at('model'), '-o', at('3.zst')]);
  const write = `dd if=/dev/zero of=${target} bs=4M count=${size / MiB / 4} oflag=direct status=none`;
  const read = `dd if=${at('model.zst')} of=/dev/null bs=4M iflag=direct status=none`;
  const tasks: Record<string, () => Promise<Taken> | Taken> = {
    write: () => command(`${write}; sync ${target}`),
    'read, write': () => command(`${read} & ${write}; wait; sync ${target}`),
    cp: () => command(`cp ${at('model')} ${target}; sync ${target}`),
    'zstd -d': () => command(`zstd -q -d ${at('3.zst')} -o ${target}; sync ${target}`),
    'autocached, alone': () => restore(at('model.zst'), target, alone),
    autocached: () => restore(at('model.zst'), target, async (plan) => void (await restoreParts(plan, unfollowed, built))),
  };
  const best = new Map<string, Taken>();
  for (let round = 0; round < rounds; round++) {
    for (const [task, run] of Object.entries(tasks)) {
      rmSync(target, { force: true });
      for (const file of ['model', 'model.zst', '3.zst']) forget(at(file));
      const taken = await run();
      if (taken.seconds < (best.get(task)?.seconds ?? Number.POSITIVE_INFINITY)) best.set(task, taken);
    }
  }
  if (!startOf(target).equals(startOf(at('model')))) throw new Error('other bytes');
  show(name, best);
}

async function restore(from: string, to: string, write: (plan: RestorePlan) => Promise<void>): Promise<Taken> {
  const began = performance.now();
  const before = process.cpuUsage();
  await withFiles(from, to, async (source, target) => {
    await write({ from: { fd: source, path: from }, to: target, size });
    fsyncSync(target);
  });
  const { user, system } = process.cpuUsage(before);
  return { seconds: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
}

async function alone({ from, to }: RestorePlan): Promise<void> {
  const reader = compressedReader(new CompressedFile(from.fd, from.path, { readAhead: true }));
  const writer = new BlockWriter(to, size);
  const hashes = await CopyHashes.create(false);
  await eachBlock({ reader, hashes, from: 0, end: size, file: writer }, unfollowed, async () => {});
  await writer.close();
  await reader.close();
}

function command(line: string): Taken {
  const script = `TIMEFORMAT='%R %U %S'; time { ${line}; }`;
  const output = execFileSync('bash', ['-c', `{ ${script}; } 2>&1`], { encoding: 'utf8' });
  const [seconds = 0, user = 0, system = 0] = output.trim().split(' ').map(Number);
  return { seconds, cpu: user + system };
}

/** The first bytes of a file; all of a model do not fit into one buffer. */
function startOf(path: string): Buffer {
  const fd = openSync(path, 'r');
  const bytes = Buffer.alloc(MiB);
  readSync(fd, bytes, 0, MiB, 0);
  closeSync(fd);
  return bytes;
}

function writeWhole(path: string, bytes: Uint8Array): void {
  const fd = openSync(path, 'w');
  for (let at = 0; at < bytes.length; at += 8 * MiB) writeSync(fd, bytes.subarray(at, at + 8 * MiB));
  fsyncSync(fd);
  closeSync(fd);
}

function show(name: string, best: ReadonlyMap<string, Taken>): void {
  const of = (task: string) => best.get(task)?.seconds ?? Number.NaN;
  const table = new Table({
    head: [`to ${name}`, 'seconds', 'GB/s', 'processor s', '× write', '× read, write', '× cp', '× zstd -d'],
    style: { head: [], border: [], compact: true },
  });
  for (const [task, { seconds, cpu }] of best) {
    const times = (other: string) => (of(other) / seconds).toFixed(2);
    const speed = (size / 1e9 / seconds).toFixed(2);
    table.push([
      task,
      seconds.toFixed(2),
      speed,
      cpu.toFixed(2),
      times('write'),
      times('read, write'),
      times('cp'),
      times('zstd -d'),
    ]);
  }
  console.log(`${table.toString()}\n`);
}
