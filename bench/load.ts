/**
 * Many programs at once: 1,000 idle connections, and 200 lookups at a time from 50 processes while two copies run, with 100,000 copies in
 * the cache. Every answer must be a hit; also the times, and the daemon's peak memory.
 *
 *     node bench/load.ts [copies, 100000] [seconds, 20]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { mostMemoryOf } from './figures.ts';
import { Installed } from './installed.ts';
import { keepCopying } from './keep-copying.ts';
import { accounted, makeManyCopies } from './many-copies.ts';

const copies = Number(process.argv[2] ?? 100_000);
const seconds = Number(process.argv[3] ?? 20);
const [idle, programs, connections] = [1000, 50, 4];
const goal = 200;

await using installed = new Installed('bench-load', (root) => ({
  AUTOCACHE_ROOTS: `${root}=hdd`,
  AUTOCACHE_LIMIT: '20GiB',
  AUTOCACHE_JOBS_PER_SOURCE: 'hdd=2',
}));
const paths = await makeManyCopies(copies, { root: installed.root, cacheDir: join(installed.dir, 'ssd') });
const client = await installed.start();
await accounted(client);
console.log(`${copies} copies are known; ${mostMemoryOf(client.daemon.pid).toFixed(0)} MiB till then`);

const sockets = await Promise.all(Array.from({ length: idle }, () => opened(client.daemon.url)));
const stopCopies = keepCopying(client, installed.root);
let copied = 0;
const figures = await lookups().finally(async () => {
  copied = await stopCopies();
});
const lost = sockets.filter(({ destroyed, readableEnded }) => destroyed || readableEnded).length;
const most = mostMemoryOf(client.daemon.pid);
for (const socket of sockets) socket.destroy();

console.log(
  `${programs * connections} lookups at a time for ${seconds} s: ${Math.round(figures.perSecond)} a second, all of them hits`,
);
console.log(`p50 ${figures.p50.toFixed(1)} ms, p99 ${figures.p99.toFixed(1)} ms, slowest ${figures.slowest.toFixed(0)} ms`);
console.log(`${(copied / 2 ** 30).toFixed(0)} GiB were copied meanwhile; ${lost} of ${idle} idle connections were lost`);
console.log(`at most ${most.toFixed(0)} MiB of memory (goal ${goal})`);

/** A connection that has asked once and is kept open. */
async function opened(url: string): Promise<Socket> {
  const { hostname, port, host } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(`GET /healthz HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
  await once(socket, 'data');
  socket.resume();
  return socket;
}

/** @throws when one lookup fails or is no hit */
async function lookups(): Promise<{ p50: number; p99: number; slowest: number; perSecond: number }> {
  const python = spawn('python3', [fileURLToPath(new URL('./lookup_client.py', import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const asked = Array.from({ length: 1000 }, () => paths[Math.floor(Math.random() * paths.length)]);
  const { url, tokenFile } = client.daemon;
  const token = readFileSync(tokenFile, 'utf8').trim();
  const job = { url, token, paths: asked, seconds, clients: programs, connections };
  python.stdin.end(JSON.stringify(job));
  const [output, [code]] = await Promise.all([text(python.stdout), once(python, 'exit')]);
  if (code !== 0) throw new Error('a lookup failed');
  return JSON.parse(output);
}
