/**
 * One large object in a real S3 server behind a link of 400 Mbit and 20 ms a request: a copy with its hash, its checksum and its write,
 * beside `rclone copy` and the SDK's own stream to a file; a copy that is killed and goes on; one through a storm of SlowDown; two loads
 * through the daemon; and the listing of 100,000 keys.
 * `npm run bench -- remote [GiB]`
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createReadStream, createWriteStream, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { Installed } from './installed.ts';
import { KeyServer } from './remote-keys.ts';
import { SlowLink } from './remote-link.ts';
import { startVersitygw } from './remote-server.ts';
import { StormServer } from './remote-storm.ts';

const size = Math.round(Number(process.argv[2] ?? 2) * 2 ** 30);
const link = { requestMs: 20, bytesPerSecond: 50e6 };
const key = 'checkpoints/large.safetensors';
/** Size for measurements in which speed does not matter, bytes. */
const smaller = { key: 'checkpoints/smaller.safetensors', size: Math.min(size, 256 * 2 ** 20) };
const startedAt = performance.now();
const dir = mkdtempSync(join(tmpdir(), 'autocached-remote-'));
process.once('exit', () => rmSync(dir, { recursive: true, force: true }));

interface Line {
  seconds: number;
  cpuSeconds: number;
  mostMiB: number;
  bytes?: number;
  files?: number;
  grownMiB?: number;
  resumedFrom?: number;
  path?: string;
}

await using server = await startVersitygw(dir);
if (server === null) {
  console.log('SKIPPED: versitygw is not installed; .ci/run shows how it is');
  process.exit();
}
await server.upload(key, size);
await server.upload(smaller.key, smaller.size);
await using slow = await SlowLink.to(server.port, link);
const endpoint = `http://127.0.0.1:${slow.port}`;
console.log(`one object of ${size / 2 ** 30} GiB, ${link.requestMs} ms a request, ${(link.bytesPerSecond * 8) / 1e6} Mbit/s`);

const own = await last(reader('copy', endpoint, 'one'));
report(
  'autocached: read, hash, checksum, write, seal',
  own.seconds,
  `${own.mostMiB.toFixed(0)} MiB of memory, ${own.cpuSeconds.toFixed(1)} s of processor time`,
  size,
);
rmSync(join(dir, 'one'), { recursive: true });

const beganAt = performance.now();
await rclone();
report('rclone copy', (performance.now() - beganAt) / 1000, '', size);

const streamedAt = performance.now();
const client = new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true, credentials: server.credentials });
const { Body } = await client.send(new GetObjectCommand({ Bucket: server.bucket, Key: smaller.key }));
await pipeline(Body as Readable, createWriteStream(join(dir, 'stream')));
report(`the SDK's stream of ${mib(smaller.size)} to a file`, (performance.now() - streamedAt) / 1000, '', smaller.size);
rmSync(join(dir, 'stream'));

const killed = reader('copy', endpoint, 'two');
const atKill = await until(killed, ({ bytes = 0 }) => bytes >= size / 2);
killed.kill('SIGKILL');
const before = slow.bytes;
const resumed = await last(reader('copy', endpoint, 'two'));
const again = (slow.bytes - before - (size - (atKill.bytes ?? 0))) / 2 ** 20;
console.log(`killed at ${mib(atKill.bytes)}, gone on with at ${mib(resumed.resumedFrom)}: ${again.toFixed(0)} MiB came again`);
rmSync(join(dir, 'two'), { recursive: true });

await throughStorm();
await loadTwice();

await using keys = await KeyServer.start({ count: 100_000, answerMs: 50 });
const listing = await last(reader('list', keys.endpoint, ''));
console.log(
  `${listing.files} keys listed in ${listing.seconds.toFixed(1)} s: ${listing.grownMiB?.toFixed(0)} MiB more, ${listing.mostMiB.toFixed(0)} MiB in all`,
);
console.log(`the whole bench took ${((performance.now() - startedAt) / 1000).toFixed(0)} s`);
process.exit();

/** A copy while the server asks for fewer requests: requests in flight a second later, and whether it has all bytes in the end. */
async function throughStorm(): Promise<void> {
  const when = { afterBytes: smaller.size / 4, ms: 1500, requestMs: link.requestMs };
  await using storm = await StormServer.before(slow.port, when);
  const copy = await last(reader('copy', storm.endpoint, 'storm', smaller.key));
  const original = join(dir, 'buckets', server?.bucket ?? '', smaller.key);
  const isSame = (await sha256Of(copy.path ?? '')) === (await sha256Of(original));
  const { before, after } = storm.most;
  console.log(
    `a storm of SlowDown: ${storm.refused} requests refused in ${when.ms / 1000} s; ${before} at once before, ${after} from a second later on; ` +
      `the copy ${isSame ? 'has every byte' : 'IS WRONG'}`,
  );
  if (!isSame || storm.refused === 0 || after > before / 2) process.exitCode = 1;
}

async function sha256Of(path: string): Promise<string> {
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex');
}

/** The installed daemon: bytes over the link for the first load of the model, and for the second. */
async function loadTwice(): Promise<void> {
  await using installed = new Installed('remote-daemon', () => ({
    AUTOCACHE_REMOTES: `bench=s3://${server?.bucket}?endpoint=${endpoint}&region=us-east-1`,
    AWS_ACCESS_KEY_ID: 'AKtest',
    AWS_SECRET_ACCESS_KEY: 'SKtest12',
  }));
  installed.quiet();
  const daemon = await installed.start();
  let [remote] = (await daemon.remotes()).remotes;
  for (; (remote?.files ?? 0) === 0; [remote] = (await daemon.remotes()).remotes) await sleep(200);
  const path = join(remote?.path ?? '', smaller.key);
  const read: number[] = [];
  for (let load = 0; load < 2; load += 1) {
    const from = slow.bytes;
    await daemon.lookup({ path, purpose: 'load', waitMs: 600_000, client: null });
    read.push(slow.bytes - from);
  }
  console.log(`through the daemon: ${mib(read[0])} for the first load, ${read[1]} bytes for the second`);
}

function report(what: string, seconds: number, more: string, bytes: number): void {
  const share = bytes / seconds / link.bytesPerSecond;
  console.log(`${what.padEnd(48)} ${seconds.toFixed(1)} s, ${(100 * share).toFixed(0)} % of the link ${more}`);
}

function mib(bytes = 0): string {
  return `${(bytes / 2 ** 20).toFixed(0)} MiB`;
}

function reader(what: 'copy' | 'list', at: string, cache: string, of = key): ChildProcess {
  const place = { driver: 's3', scheme: 's3', bucket: 'models', prefix: '', endpoint: at, region: 'us-east-1', profile: null };
  const facts = { name: 'bench', url: 's3://models', to: null, list: null, proxy: null, price: null, verify: 'report' };
  const remote = JSON.stringify({ ...facts, ...place, style: 'path' });
  const args = [join(import.meta.dirname, 'remote-reader.ts'), what, remote, join(dir, cache, 'cache'), of];
  const env = { ...process.env, AWS_ACCESS_KEY_ID: 'AKtest', AWS_SECRET_ACCESS_KEY: 'SKtest12' };
  // As the daemon starts the processes that list and that copy.
  const options = [`--max-semi-space-size=${what === 'list' ? 4 : 64}`];
  return spawn(process.execPath, [...options, ...args], { stdio: ['ignore', 'pipe', 'inherit'], env });
}

async function* linesOf(child: ChildProcess): AsyncGenerator<Line> {
  for await (const line of createInterface({ input: child.stdout as Readable })) yield JSON.parse(line) as Line;
}

async function until(child: ChildProcess, isIt: (line: Line) => boolean): Promise<Line> {
  for await (const line of linesOf(child)) if (isIt(line)) return line;
  throw new Error('the reader ended before');
}

async function last(child: ChildProcess): Promise<Line> {
  const ended = once(child, 'exit');
  let found: Line | undefined;
  for await (const line of linesOf(child)) found = line;
  const [code] = await ended;
  if (!found || code !== 0) throw new Error('the reader failed');
  return found;
}

async function rclone(): Promise<void> {
  const to = join(dir, 'rclone');
  mkdirSync(to);
  const names = { TYPE: 's3', PROVIDER: 'Other', ENDPOINT: endpoint, ACCESS_KEY_ID: 'AKtest', SECRET_ACCESS_KEY: 'SKtest12' };
  const env = Object.fromEntries(Object.entries(names).map(([name, value]) => [`RCLONE_CONFIG_BENCH_${name}`, value]));
  try {
    await promisify(execFile)('rclone', ['copy', `bench:models/${key}`, to, '--config', '/dev/null'], {
      env: { PATH: process.env['PATH'], ...env },
    });
  } catch (error) {
    console.log(`rclone failed: ${String(error).split('\n')[0]}`);
  }
  rmSync(to, { recursive: true });
}
