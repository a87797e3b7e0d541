/**
 * How fast a background copy is, hash and fsync included, beside cp, dd, rsync and rclone: `node bench/copy.ts` as root on Linux.
 * Every run starts with a cold source; a ratio is the median over rounds of (cp's time / the time), each against the cp shortly before
 * it. What "cp again" is away from 1 is the noise of the machine. `node bench/copy.ts 150 mount` runs these parts alone.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { CopyWorkers } from '../src/copy/workers.ts';
import { systemClock } from '../src/core/clock.ts';
import { openPosixTier } from '../src/tiers/posix-tier.ts';

const MiB = 2 ** 20;
const throttle = '/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device';
const wanted = process.argv.slice(2);

const dir = mkdtempSync(join(tmpdir(), 'autocached-bench-copy-'));
const tier = openPosixTier('ssd', join(dir, 'cache'));
const workers = new CopyWorkers(systemClock, { ...process.env });
const cleanUp: (() => void)[] = [];
let lastId = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().then(() => process.exit(1)));

interface Source {
  name: string;
  path: string;
  network: boolean;
  rounds: number;
}

type Contender = (source: Source, target: string) => Promise<void> | void;

/** The others are made durable as well, as ours is when it is published, and run with the same low priority as our worker. */
const contenders: Record<string, Contender> = {
  cp: ({ path }, target) => run('cp', [path, target], target),
  'cp again': ({ path }, target) => run('cp', [path, target], target),
  autocached: ours,
  'dd bs=16M': ({ path }, target) => run('dd', [`if=${path}`, `of=${target}`, 'bs=16M', 'status=none'], target),
  'rsync --inplace': ({ path }, target) => run('rsync', ['--inplace', path, target], target),
  'rclone copyto': ({ path }, target) => run('rclone', ['copyto', '--config', '/dev/null', path, target], target),
};

try {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('this benchmark needs Linux and root');
  const disk = throttledDisk(640);
  for (const speed of [150, 400]) {
    if (!chosen(String(speed))) continue;
    disk.limit(speed * MiB);
    await compare({ name: `disk, ${speed} MiB/s`, path: disk.file(`${speed}.bin`, speed * 1.5), network: false, rounds: 3 });
  }
  disk.limit(0);
  if (chosen('disk')) await compare({ name: 'disk, unthrottled', path: disk.file('400.bin', 600), network: false, rounds: 3 });
  const mount = chosen('mount') ? await slowMount(10, 96) : undefined;
  if (mount) await compare({ name: 'mount, 10 ms a request', path: mount, network: true, rounds: 3 });
} finally {
  await end();
}
function chosen(name: string): boolean {
  return wanted.length === 0 || wanted.includes(name);
}

async function compare(source: Source): Promise<void> {
  const results = new Map<string, { ms: number; ratio: number }[]>();
  const order = Object.keys(contenders).flatMap((name) => (name === 'autocached' ? ['cp', name] : [name]));
  for (let round = 0; round < source.rounds; round += 1) {
    let cp = Number.NaN;
    for (const name of order.filter(isInstalled)) {
      const target = join(dir, 'target.bin');
      forget(source.path);
      const startedAt = performance.now();
      await contenders[name]?.(source, target);
      const ms = performance.now() - startedAt;
      rmSync(target, { force: true });
      if (name === 'cp') cp = ms;
      results.set(name, [...(results.get(name) ?? []), { ms, ratio: cp / ms }]);
    }
  }
  const head = [source.name, 'MiB/s', 'ratio to cp', 'of all rounds'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  const mebibytes = statSync(source.path).size / MiB;
  for (const name of Object.keys(contenders)) {
    const own = results.get(name);
    if (!own) {
      table.push([name, 'not installed', '', '']);
      continue;
    }
    const speed = mebibytes / (median(own.map(({ ms }) => ms)) / 1000);
    const ratios = own.map(({ ratio }) => ratio);
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    table.push([name, speed.toFixed(0), median(ratios).toFixed(2), name === 'cp' ? '' : spread]);
  }
  console.log(table.toString());
}

async function ours({ path, network }: Source): Promise<void> {
  const { size, mtimeNs } = statSync(path, { bigint: true });
  const source = { path, root: '/', rel: path.slice(1), category: null };
  const fingerprint = { size: Number(size), mtimeNs: String(mtimeNs), ino: null };
  const place = tier.placeOf('/', path.slice(1));
  lastId += 1;
  await workers.run(
    {
      id: lastId,
      source: { ...source, fingerprint },
      temp: join(tier.partialDir, 'x.part'),
      ...place,
      network,
      identity: true,
    },
    { networkRoot: network ? '/' : null, paced: false, progress: () => {}, resuming: () => {}, ask: async () => {} },
  );
  rmSync(place.path);
}

function run(program: string, args: string[], target: string): void {
  execFileSync('nice', ['-n', '10', program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  execFileSync('nice', ['-n', '10', 'sync', target]);
}

function isInstalled(name: string): boolean {
  return name === 'autocached' || spawnSync('which', [name.split(' ')[0] ?? '']).status === 0;
}

/** Takes the file out of the page cache, and only that. */
function forget(path: string): void {
  execFileSync('dd', [`if=${path}`, 'iflag=nocache', 'count=0', 'status=none']);
}

function throttledDisk(mebibytes: number) {
  const image = join(dir, 'disk.img');
  const point = join(dir, 'disk');
  mkdirSync(point);
  execFileSync('truncate', ['-s', `${mebibytes}M`, image]);
  execFileSync('mkfs.ext4', ['-qF', '-m', '0', image]);
  const device = execFileSync('losetup', ['-f', '--show', '--direct-io=on', image], { encoding: 'utf8' }).trim();
  cleanUp.push(() => execFileSync('losetup', ['-d', device]));
  execFileSync('mount', [device, point]);
  cleanUp.push(() => execFileSync('umount', ['-l', point]));
  const number = execFileSync('lsblk', ['-dno', 'MAJ:MIN', device], { encoding: 'utf8' }).trim();
  const limit = (bytesPerSecond: number) => writeFileSync(throttle, `${number} ${bytesPerSecond}`);
  cleanUp.push(() => limit(0));
  return {
    limit,
    file: (name: string, size: number) => {
      for (const old of ['150.bin', '400.bin']) if (old !== name) rmSync(join(point, old), { force: true });
      const path = join(point, name);
      return existsSync(path) ? path : randomFile(path, size);
    },
  };
}

/** Undefined where FUSE or its Python module is missing. */
async function slowMount(ms: number, mebibytes: number): Promise<string | undefined> {
  const folder = join(dir, 'slow');
  const point = join(dir, 'mount');
  mkdirSync(folder);
  mkdirSync(point);
  randomFile(join(folder, 'model.bin'), mebibytes);
  const script = join(import.meta.dirname, 'slow_mount.py');
  const server: ChildProcess = spawn('/usr/bin/python3', [script, folder, point, String(ms)], {
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  cleanUp.push(() => server.kill());
  cleanUp.push(() => spawnSync('umount', ['-l', point]));
  for (let tries = 0; tries < 50 && server.exitCode === null; tries += 1) {
    if (existsSync(join(point, 'model.bin'))) return join(point, 'model.bin');
    await sleep(100);
  }
  console.log('mount: left out, there is no FUSE here or no python3-fusepy');
  return undefined;
}

function randomFile(path: string, mebibytes: number): string {
  const block = Buffer.alloc(MiB);
  const fd = openSync(path, 'w');
  for (let written = 0; written < mebibytes; written += 1) writeSync(fd, randomFillSync(block));
  closeSync(fd);
  return path;
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

async function end(): Promise<void> {
  await workers[Symbol.asyncDispose]();
  for (let step = cleanUp.pop(); step; step = cleanUp.pop()) {
    try {
      step();
    } catch (error) {
      console.error(error);
    }
  }
  rmSync(dir, { recursive: true, force: true });
}
