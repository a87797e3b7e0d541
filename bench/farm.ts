/**
 * A farm of 8 hosts in network namespaces, with a Redis and an origin of 200 Mbit: a model that all load at once, and one that all copy
 * while no program waits, beside 8 x curl and 8 x rclone, with the processor time of each; the first again with a host that is killed and
 * with one that lies; the cost of a dead host; one host alone with the farm on and off; hits without the Redis. Needs root on Linux, ip, tc
 * and redis-server.
 * `npm run bench -- farm [GiB]`
 */
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { FarmHosts, type Host, type Loaded, type Model } from './farm-hosts.ts';
import { median } from './figures.ts';
import { endedSeconds } from './process-tree.ts';

const count = 8;
const bytes = Math.round(Number(process.argv[2] ?? 1) * 2 ** 30);
/** Loads of one host alone need not be longer. */
const aloneBytes = Math.min(bytes, 256 * 2 ** 20);
const rounds = 3;
const bytesPerSecond = { origin: 25e6, host: 50e6 };
const links = { origin: '200mbit', host: '400mbit' };
const chunkBytes = 8 * 2 ** 20;

const together = { name: 'together', bytes };
const warmed = { name: 'warmed', bytes };
const killed = { name: 'killed', bytes };
const lied = { name: 'lied', bytes };
const dead = { name: 'dead', bytes: aloneBytes };
const alone = Array.from({ length: 2 * rounds }, (_, round) => ({ name: `alone${round}`, bytes: aloneBytes }));
const plain = { name: 'plain', bytes };

if (!isInstalled('redis-server')) {
  console.log('SKIPPED: redis-server is not installed');
  process.exit();
}
const dir = mkdtempSync(join(tmpdir(), 'autocached-farm-'));
const models = [together, warmed, killed, lied, dead, ...alone];
const farm = (await FarmHosts.startOrSkip({ dir, count, links, models })) ?? process.exit();
const { hosts } = farm;
const sums = new Map<number, Promise<string>>();
const ideal = bytes / bytesPerSecond.origin;
const gigabytes = (count * bytes) / 1e9;
console.log(
  `${count} hosts of 400 Mbit, an origin of 200 Mbit, ${bytes / 2 ** 30} GiB: at the origin's rate ${ideal.toFixed(1)} s`,
);

const waitedFor = await allAtOnce();
await lateJoiner();
await farm.evict(together);
const ahead = await allWarmed();
await farm.evict(warmed);
await oneHostKilled();
await oneHostLies();
await aloneAndBesideADeadHost();
await plainReaders();
await hitsWithoutRedis();
process.exit();

async function allAtOnce(): Promise<{ seconds: number; cpu: number }> {
  const { result: loaded, cpu } = await measured(() => farm.load(together));
  await report('all at once', together, loaded);
  const [first = Number.NaN, end = Number.NaN] = [loaded[0]?.seconds, loaded.at(-1)?.seconds];
  print('', `last / first ${ratio(end, first)}, last / ideal ${ratio(end, ideal)}`);
  print('', `${cpu.toFixed(2)} CPU-seconds for each GB received, giving it to others included`);
  return { seconds: end, cpu };
}

/** Copies that no program waits for stay out of the page cache. */
async function allWarmed(): Promise<{ cpu: number }> {
  const { cpu } = await measured(() => Promise.all(hosts.map((host) => host.ask('warm', warmed.name))));
  const reads = await farm.originReads(warmed);
  print('all at once, nobody waits', `origin ${reads.toFixed(3)} x; ${cpu.toFixed(2)} CPU-seconds for each GB received`);
  return { cpu };
}

/** @returns the result of the work, and processor time of all hosts meanwhile, s for each GB that they all received */
async function measured<T>(work: () => Promise<T>): Promise<{ result: T; cpu: number }> {
  const cpuOf = async () =>
    (await Promise.all(hosts.map((host) => host.ask('cpu')))).reduce((sum, seconds) => sum + seconds, 0);
  const before = await cpuOf();
  const result = await work();
  return { result, cpu: ((await cpuOf()) - before) / gigabytes };
}

async function lateJoiner(): Promise<void> {
  const late = hosts.slice(-1);
  await farm.evict(together, late);
  const before = await farm.originReads(together);
  const [loaded] = await farm.load(together, late);
  const share = bytes / bytesPerSecond.host / (loaded?.seconds ?? Number.NaN);
  const reads = (await farm.originReads(together)) - before;
  print('one more host', `${loaded?.seconds.toFixed(1)} s, ${share.toFixed(2)} of its link; origin ${reads.toFixed(3)} x`);
}

async function oneHostKilled(): Promise<void> {
  const [victim, ...others] = hosts as [Host, ...Host[]];
  const loading = farm.load(killed, others);
  const dying = farm.load(killed, [victim]);
  await victim.ask('untilHas', killed.name, 0.5);
  await victim.ask('kill');
  await report('one host killed half-way', killed, await loading, others.length);
  await dying;
  await farm.start(0);
  await farm.untilKnown();
  // Its copy continues, and others have it open meanwhile.
  await farm.load(killed, [victim]);
  await farm.evict(killed);
}

async function oneHostLies(): Promise<void> {
  await farm.start(1, { lies: true });
  await farm.untilKnown();
  const lies = async () => {
    const figures = await Promise.all(hosts.map((host) => host.ask('figures')));
    return figures.reduce((sum, { peerErrors }) => sum + peerErrors.lied, 0);
  };
  await report('one host gives wrong bytes', lied, await farm.load(lied));
  print('', `${await lies()} wrong answers noticed`);
  await farm.evict(lied);
  await farm.start(1);
  await farm.untilKnown();
}

/** One host loads with the farm on, another with it off, in turns; then one loads a model that only a host without a network has. */
async function aloneAndBesideADeadHost(): Promise<void> {
  const [one, other, holder] = hosts as [Host, Host, Host];
  await farm.start(1, { settings: { AUTOCACHE_FARM: 'off' } });
  const times = { on: [] as number[], off: [] as number[] };
  for (const [round, model] of alone.entries()) {
    const isOn = round % 2 === 0;
    const [loaded] = await farm.load(model, [isOn ? one : other]);
    times[isOn ? 'on' : 'off'].push(loaded?.seconds ?? Number.NaN);
  }
  const [on, off] = [median(times.on), median(times.off)];
  print('alone, farm on / off', `${ratio(on, off)} (${on.toFixed(1)} s and ${off.toFixed(1)} s, medians of ${rounds})`);
  await farm.load(dead, [holder]);
  farm.network.plug(3, 'down');
  const [loaded] = await farm.load(dead, [one]);
  farm.network.plug(3, 'up');
  print('the only other holder is dead', `${((loaded?.seconds ?? Number.NaN) - on).toFixed(1)} s later than alone`);
  await farm.start(1);
}

async function plainReaders(): Promise<void> {
  // Some builds of sha256sum know no instructions for it, and take five times as long.
  const sum = isInstalled('openssl') ? 'openssl dgst -sha256' : 'sha256sum';
  const checked = `curl -sf "$1" | tee "$2" | ${sum}`;
  await compare(`curl | tee | ${sum.split(' ')[0]}`, (url, path) => [
    'bash',
    '-o',
    'pipefail',
    '-c',
    checked,
    'bash',
    url,
    path,
  ]);
  if (isInstalled('rclone')) await compare('rclone', (url, path) => ['rclone', 'copyurl', '--config', '/dev/null', url, path]);

  async function compare(name: string, commandOf: (url: string, path: string) => string[]): Promise<void> {
    const [before, cpuBefore] = [await farm.originReads(plain), endedSeconds()];
    const times = await farm.readers(plain, commandOf);
    const reads = (await farm.originReads(plain)) - before;
    const cpu = (endedSeconds() - cpuBefore) / gigabytes;
    const end = times.at(-1) ?? Number.NaN;
    const ended = `${times.length} of ${count}, first ${times[0]?.toFixed(1)} s, last ${end.toFixed(1)} s`;
    print(
      `${count} x ${name}`,
      `origin ${reads.toFixed(3)} x; ${ended}: the farm is ${ratio(end, waitedFor.seconds)} times sooner`,
    );
    const ratios = `${ratio(waitedFor.cpu, cpu)} of that in the farm, ${ratio(ahead.cpu, cpu)} where nobody waits`;
    print('', `${cpu.toFixed(2)} CPU-seconds for each GB: ${ratios}`);
  }
}

async function hitsWithoutRedis(): Promise<void> {
  const [host] = hosts as [Host];
  const hits = async () => {
    const times = await host.ask('hits', dead.name, 2000);
    return { p50: median(times), p99: times[Math.floor(times.length * 0.99)] ?? Number.NaN };
  };
  await hits();
  const before = await hits();
  await farm.origin.ask('killRedis');
  while ((await host.ask('directory')) !== 'away') await sleep(100);
  const after = await hits();
  const times = `p50 ${before.p50.toFixed(2)} and ${after.p50.toFixed(2)} ms, p99 ${before.p99.toFixed(2)} and ${after.p99.toFixed(2)} ms`;
  print('hits, Redis gone / there', `${ratio(after.p50, before.p50)} (${times})`);
}

async function report(what: string, model: Model, loaded: readonly Loaded[], wanted = count): Promise<void> {
  const wrong = await Promise.all(loaded.map(async ({ path }) => (await sha256(path)) !== (await sumOf(model))));
  const right = wrong.filter((isWrong) => !isWrong).length;
  const reads = await farm.originReads(model);
  const [first, end] = [loaded[0]?.seconds.toFixed(1), loaded.at(-1)?.seconds.toFixed(1)];
  print(what, `origin ${reads.toFixed(3)} x; ${right} of ${wanted} right, first ${first} s, last ${end} s`);
}

function sumOf({ bytes: length }: Model): Promise<string> {
  const sum = sums.get(length) ?? sha256(farm.file, length);
  sums.set(length, sum);
  return sum;
}

async function sha256(path: string, length = Number.POSITIVE_INFINITY): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(path, { end: length - 1, highWaterMark: chunkBytes })) hash.update(part);
  return hash.digest('hex');
}

function print(what: string, found: string): void {
  console.log(`${what.padEnd(32)} ${found}`);
}

function ratio(value: number, of: number): string {
  return (value / of).toFixed(2);
}

function isInstalled(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}
