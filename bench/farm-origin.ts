/** The origin of the farm benchmark, with its Redis: serves one file under any name of the form `NAME-BYTES`, and counts what it sends. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import { createServer } from 'node:http';
import { serveOrders } from './orders.ts';

const [path = '', address = ''] = process.argv.slice(2);
const sent = new Map<string, number>();
let redis: ChildProcess | undefined;

const server = createServer(async ({ url = '', method, headers: { range = '' } }, response) => {
  const name = url.slice(1);
  const size = Number(/-(\d+)\.\w+$/.exec(name)?.[1]);
  if (!(size > 0)) return response.writeHead(404).end();
  const [, first, last] = /^bytes=(\d+)-(\d*)$/.exec(range) ?? [];
  const start = Number(first ?? 0);
  const end = Math.min(size - 1, last ? Number(last) : size - 1);
  const facts = {
    'accept-ranges': 'bytes',
    'content-length': end - start + 1,
    etag: JSON.stringify(name),
    'last-modified': 'Mon, 01 Jan 2024 00:00:00 GMT',
  };
  if (first === undefined) response.writeHead(200, facts);
  else response.writeHead(206, { ...facts, 'content-range': `bytes ${start}-${end}/${size}` });
  if (method === 'HEAD') return response.end();
  response.on('error', () => {});
  const gone = once(response, 'close');
  try {
    for await (const piece of createReadStream(path, { start, end, highWaterMark: 256 * 1024 }) as AsyncIterable<Buffer>) {
      if (response.destroyed) return;
      sent.set(name, (sent.get(name) ?? 0) + piece.length);
      if (!response.write(piece)) await Promise.race([once(response, 'drain'), gone]);
    }
    response.end();
  } catch {
    response.destroy();
  }
});

const orders = {
  /** Resolves when both serve. */
  async start(): Promise<void> {
    redis = spawn('redis-server', ['--bind', address, '--protected-mode', 'no', '--save', '', '--appendonly', 'no'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const failed = once(redis, 'error').then(([error]) => Promise.reject(error));
    const isReady = async () => {
      for await (const text of redis?.stdout ?? []) if (String(text).includes('Ready to accept')) return;
      throw new Error('redis-server ended');
    };
    await Promise.race([isReady(), failed]);
    redis.stdout?.on('error', () => {}).resume();
    server.listen(8000, address);
    await once(server, 'listening');
  },

  /** Bytes sent of this name. */
  sent: (name: string): number => sent.get(name) ?? 0,

  async killRedis(): Promise<void> {
    if (redis === undefined) return;
    const gone = once(redis, 'exit');
    redis.kill('SIGKILL');
    await gone;
  },
};

export type OriginOrders = typeof orders;
process.once('exit', () => redis?.kill('SIGKILL'));
serveOrders(orders);
