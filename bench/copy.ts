/**
 * Speed of a background copy, hash and fsync included, beside cp, dd, rsync and rclone: `node bench/copy.ts` as root on Linux.
 * Source and target are separate disks: fully allocated loop devices. Every run starts with a cold source and ends with a durable
 * target. A ratio is the median over rounds of (cp's time / the time), each against the cp shortly before it, in turning order. The
 * distance of "cp again" from 1 is the noise of the machine. Processor time is that of the programs; time of the kernel's own
 * threads for flushing the page cache is not counted. `node bench/copy.ts 150 mount` runs only these parts.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import Table from 'cli-table3';
import { CopyWorkers } from '../src/jobs/workers.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { tuneMalloc } from '../src/runtime/huge-pages.ts';
import { openPosixTier } from '../src/tiers/posix-tier.ts';
import { median } from './figures.ts';
import { forget, SlowMount, writeRandom } from './slow-mount.ts';

tuneMalloc();
const MiB = 2 ** 20;
const wanted = process.argv.slice(2);

if (process.platform !== 'linux' || process.getuid?.() !== 0) throw new Error('this benchmark needs Linux and root');
const dir = mkdtempSync(join(tmpdir(), 'autocached-bench-copy-'));
const cleanUp: (() => void)[] = [];
const ssd = disk(1200);
const tier = openPosixTier('ssd', join(ssd.path, 'cache'));
const workers = new CopyWorkers(systemClock, { ...process.env });
let lastId = 0;
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void end().then(() => process.exit(1)));

interface Source {
  name: string;
  path: string;
  network: boolean;
  /** Whether it is read as the daemon reads a hard disk. */
  slow?: boolean;
  rounds: number;
}

/** Makes a durable copy. @returns its path */
type Contender = (source: Source, target: string) => Promise<string> | string;

/** The others are made durable too, as ours is when it is published, and run with the same low priority as our worker. */
const contenders: Record<string, Contender> = {
  cp: ({ path }, target) => run('cp', [path, target], target),
  'cp again': ({ path }, target) => run('cp', [path, target], target),
  autocached: ours,
  'dd bs=16M': ({ path }, target) => run('dd', [`if=${path}`, `of=${target}`, 'bs=16M', 'status=none'], target),
  'rsync --inplace': ({ path }, target) => run('rsync', ['--inplace', path, target], target),
  'rclone copyto': ({ path }, target) => run('rclone', ['copyto', '--config', '/dev/null', path, target], target),
};

try {
  const source = disk(1100);
  for (const speed of [150, 400]) {
    if (!chosen(String(speed))) continue;
    source.limit({ bytesPerSecond: speed * MiB });
    await compare({
      name: `disk, ${speed} MiB/s`,
      path: only(source.path, speed * 1.5),
      network: false,
      slow: speed === 150,
      rounds: 9,
    });
  }
  source.limit({});
  if (chosen('disk')) await compare({ name: 'disk, unthrottled', path: only(source.path, 1024), network: false, rounds: 9 });
  const mount = chosen('mount') ? await slowMount(10, 96) : undefined;
  if (mount) await compare({ name: 'mount, 10 ms a request', path: mount, network: true, rounds: 3 });
} finally {
  await end();
}

function chosen(name: string): boolean {
  return wanted.length === 0 || wanted.includes(name);
}

interface Run {
  ms: number;
  cpuMs: number;
  ratio: number;
}

async function compare(source: Source): Promise<void> {
  // The daemon's workers outlive a copy, so their start is not part of one.
  await once('autocached', source);
  const results = new Map<string, Run[]>();
  const others = Object.keys(contenders).filter((name) => name !== 'cp' && isInstalled(name));
  for (let round = 0; round < source.rounds; round += 1) {
    // Each of our runs has its own cp, before and after it in turn.
    const pair = round % 2 ? ['autocached', 'cp'] : ['cp', 'autocached'];
    const pending: (readonly [string, Omit<Run, 'ratio'>])[] = [];
    let cp = Number.NaN;
    for (const name of [...pair, ...others.filter((other) => other !== 'autocached')]) {
      const run = await once(name, source);
      if (name === 'cp') cp = run.ms;
      pending.push([name, run]);
    }
    for (const [name, run] of pending) results.set(name, [...(results.get(name) ?? []), { ...run, ratio: cp / run.ms }]);
  }
  const head = [source.name, 'MiB/s', 'ratio to cp', 'of all rounds', 'CPU s per GiB'];
  const table = new Table({ head, style: { head: [], border: [], compact: true } });
  const mebibytes = statSync(source.path).size / MiB;
  for (const name of Object.keys(contenders)) {
    const own = results.get(name);
    if (!own) {
      table.push([name, 'not installed', '', '', '']);
      continue;
    }
    const speed = mebibytes / (median(own.map(({ ms }) => ms)) / 1000);
    const ratios = own.map(({ ratio }) => ratio);
    const spread = `${Math.min(...ratios).toFixed(2)} to ${Math.max(...ratios).toFixed(2)}`;
    const cpu = (median(own.map(({ cpuMs }) => cpuMs)) / 1000 / mebibytes) * 1024;
    const known = !(source.network && name === 'autocached');
    table.push([name, speed.toFixed(0), median(ratios).toFixed(2), name === 'cp' ? '' : spread, known ? cpu.toFixed(2) : '']);
  }
  console.log(table.toString());
}

async function once(name: string, source: Source): Promise<Omit<Run, 'ratio'>> {
  const target = join(ssd.path, 'target.bin');
  forget(source.path);
  execFileSync('sync', ['-f', ssd.path]);
  const [startedAt, cpuBefore] = [performance.now(), cpuMs()];
  const copy = await contenders[name]?.(source, target);
  const run = { ms: performance.now() - startedAt, cpuMs: cpuMs() - cpuBefore };
  rmSync(copy ?? target);
  return run;
}

/** User and system time of this process with its threads, and of its ended children. */
function cpuMs(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8')
    .replace(/^.*\) /, '')
    .split(' ')
    .map(Number);
  const ticks = fields.slice(11, 15).reduce((sum, value) => sum + value, 0);
  return ticks * 10;
}

async function ours({ path, network, slow = false }: Source): Promise<string> {
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
      kind: 'copy',
      network,
      shared: false,
      slow,
      identity: true,
      reread: false,
      reflinkCandidates: [],
    },
    {
      networkRoot: network ? '/' : null,
      light: false,
      paced: false,
      urgent: false,
      progress: () => {},
      resuming: () => {},
      ask: async () => {},
    },
  );
  return place.path;
}

function run(program: string, args: string[], target: string): string {
  const script = '"$@" && sync "$0"';
  execFileSync('nice', ['-n', '10', 'sh', '-c', script, target, program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
  return target;
}

function isInstalled(name: string): boolean {
  return name === 'autocached' || spawnSync('which', [name.split(' ')[0] ?? '']).status === 0;
}

function disk(mebibytes: number): SlowMount {
  const made = new SlowMount({ bytes: mebibytes * MiB });
  cleanUp.push(() => made[Symbol.dispose]());
  return made;
}

/** The one file of the source disk. */
function only(point: string, mebibytes: number): string {
  const path = join(point, 'model.bin');
  rmSync(path, { force: true });
  return writeRandom(path, mebibytes * MiB);
}

/** Undefined where FUSE or its Python module is missing. */
async function slowMount(ms: number, mebibytes: number): Promise<string | undefined> {
  const folder = join(dir, 'slow');
  const point = join(dir, 'mount');
  mkdirSync(folder);
  mkdirSync(point);
  writeRandom(join(folder, 'model.bin'), mebibytes * MiB);
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
