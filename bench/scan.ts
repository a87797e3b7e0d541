import { spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout } from 'node:timers/promises';
import { Roots } from '../src/roots/registry.ts';
import { SourceClient } from '../src/sources/client.ts';
import { mostMemoryOf } from './figures.ts';

/**
 * Duration of a walk of 100,000 files in 1,050 directories, its memory, and its delay of the daemon's event loop; compared with
 * `find` and Python's `os.walk` with a stat a file, in the same run. Usage: node bench/scan.ts [files]
 */
const wanted = Number(process.argv[2] ?? 100_000);
const directories = 1_050;
const rounds = 5;
const pythonWalk =
  'import os,sys\nn=0\nfor d,_,fs in os.walk(sys.argv[1],followlinks=True):\n for f in fs:\n  os.stat(os.path.join(d,f)); n+=1\nprint(n)';

const scratch = mkdtempSync(join(tmpdir(), 'autocached-scan-'));
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }));
process.once('SIGINT', () => process.exit(130));
const tree = join(scratch, 'models');
const files = makeTree(tree);
console.log(`${files} files in ${directories} directories, medians of ${rounds} rounds, caches warm`);

const roots = new Roots();
const facts = { from: 'detected', device: null, fileSystem: 'ext4', resolved: tree } as const;
const rows: Record<string, Awaited<ReturnType<typeof measure>>> = {};
for (const [name, kind] of [
  ['thread (local root)', 'hdd'],
  ['process (network root)', 'nas'],
] as const) {
  const { root } = roots.add({ path: tree, origin: 'config', medium: { ...facts, kind } });
  const before = process.memoryUsage().rss;
  await using host = new SourceClient({ roots });
  // Starting a reader costs some milliseconds once, and is no part of a walk.
  await host.identify(root, { deadlineMs: 10_000 });
  rows[name] = await measure(before, async () => {
    let seen = 0;
    const onFiles = (batch: unknown[]) => {
      seen += batch.length;
    };
    await host.walk(root, { onFiles });
    return seen;
  });
}
const now = process.memoryUsage().rss;
const idle = await measure(now, async () => {
  await setTimeout(400);
  return files;
});
const others = {
  find: await timed('find', ['-L', tree, '-type', 'f', '-printf', '%s %T@\\n'], (out) => out.split('\n').length - 1),
  'os.walk+stat in Python': await timed('python3', ['-c', pythonWalk, tree], Number),
};

for (const [name, { seconds, rssMb, delay }] of Object.entries(rows)) {
  const ratios = Object.entries(others).map(([other, time]) =>
    time === null ? '' : `${(seconds / time).toFixed(2)}x ${other}, `,
  );
  console.log(
    `${name}: ${files} files in ${seconds.toFixed(3)} s, ${Math.round(files / seconds)} files/s, RSS +${rssMb.toFixed(0)} MiB, ` +
      `${ratios.join('')}loop delay ${lag(delay)}`,
  );
}
console.log(`the same loop with nothing to do: ${lag(idle.delay)}`);
for (const [name, time] of Object.entries(others))
  console.log(`${name}: ${time === null ? 'not here' : `${time.toFixed(3)} s`}`);

/** Seconds of another program over the same files; null where it is not installed. */
async function timed(program: string, args: string[], read: (out: string) => number): Promise<number | null> {
  if (spawnSync(program, ['--version']).status !== 0) return null;
  const count = () => {
    const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', maxBuffer: 2 ** 28 });
    if (status !== 0) throw new Error(`${program} failed: ${stderr}`);
    return read(stdout);
  };
  return (await measure(now, async () => count())).seconds;
}

/** RSS growth over `before`, with that of child processes where /proc reports it. */
async function measure(before: number, run: () => Promise<number>) {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  const times: number[] = [];
  let most = before;
  delay.enable();
  for (let round = 0; round < rounds; round++) {
    const start = performance.now();
    const seen = await run();
    times.push((performance.now() - start) / 1_000);
    most = Math.max(most, process.memoryUsage().rss + childrenRss());
    if (seen !== files) throw new Error(`${seen} files were seen of ${files}`);
  }
  delay.disable();
  const seconds = times.sort((a, b) => a - b)[Math.floor(rounds / 2)] ?? 0;
  return { seconds, rssMb: (most - before) / 2 ** 20, delay };
}

function childrenRss(): number {
  try {
    const pids = readdirSync('/proc/self/task').flatMap((task) => {
      return readFileSync(`/proc/self/task/${task}/children`, 'utf8').split(' ').filter(Boolean);
    });
    return pids.reduce((sum, pid) => sum + (mostMemoryOf(Number(pid)) || 0) * 2 ** 20, 0);
  } catch {
    return 0;
  }
}

function makeTree(top: string): number {
  let made = 0;
  for (let index = 0; index < directories; index++) {
    const directory = join(top, `category-${index % 50}`, `family-${index}`);
    mkdirSync(directory, { recursive: true });
    for (const end = Math.floor((wanted * (index + 1)) / directories); made < end; made++) {
      closeSync(openSync(join(directory, `model-${made}.safetensors`), 'w'));
    }
  }
  return made;
}

function lag(delay: { max: number; percentile(share: number): number }): string {
  return `p50 ${ms(delay.percentile(50))} p99 ${ms(delay.percentile(99))} max ${ms(delay.max)}`;
}

function ms(nanoseconds: number): string {
  return `${(nanoseconds / 1e6).toFixed(1)} ms`;
}
