import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { createClient, RESP_TYPES } from '@redis/client';
import { expect, onTestFinished } from 'vitest';
import { freePort } from '../../bench/free-port.ts';
import { patience } from './patience.ts';
import { tempDir } from './temp-dir.ts';

const run = promisify(execFile);
const folders = (process.env['PATH'] ?? '').split(delimiter);
const isThere = ['redis-server', 'redis-cli'].every((name) => folders.some((folder) => existsSync(join(folder, name))));

/** Why no Redis can be started here, or null. */
export const noRedis = isThere ? null : 'redis-server is not installed';

/** Behind the title of tests that need one. */
export const leftOut = noRedis === null ? '' : ` (left out: ${noRedis})`;

/** How long things of servers that watch each other take at most. */
export const eventually = () => ({ timeout: patience(30_000), interval: 50 });

/** A server of its own on 127.0.0.1, which ends with the test. */
export class RedisServer implements AsyncDisposable {
  readonly port: number;
  readonly #args: readonly string[];
  #child: ChildProcess | null = null;

  constructor(port: number, args: readonly string[]) {
    this.port = port;
    this.#args = args;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  async start(): Promise<void> {
    this.#child = spawn('redis-server', this.#args, { stdio: 'ignore' });
    await once(this.#child, 'spawn');
    await expect.poll(() => this.cli('ping').catch(String), eventually()).toMatch(/^PONG|NOAUTH/);
  }

  /** At once, as a power cut would end it. */
  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    if (child === null || child.exitCode !== null) return;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** It keeps its connections, accepts new ones, and answers nothing. */
  hang(): void {
    this.#child?.kill('SIGSTOP');
  }

  goOn(): void {
    this.#child?.kill('SIGCONT');
  }

  /** What redis-cli prints. */
  async cli(...args: string[]): Promise<string> {
    const { stdout } = await run('redis-cli', ['-p', String(this.port), ...args], { timeout: patience(10_000) });
    return stdout.trim();
  }

  /** Sees and changes what is in it, past all that is tested. */
  async spy() {
    const client = createClient({ url: this.url, commandOptions: { typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer } } });
    client.on('error', () => {});
    await client.connect();
    onTestFinished(() => client.destroy());
    return client;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.kill();
  }
}

/** @param more settings of the server, as `--name value` */
export async function startRedis(more: readonly string[] = []): Promise<RedisServer> {
  const server = await makeServer(await freePort(), more);
  await server.start();
  return server;
}

/** Three masters with a replica each, in sync: without that, a replica would never take over. */
export async function startCluster(): Promise<RedisServer[]> {
  const servers = await Promise.all(
    Array.from({ length: 6 }, async () =>
      makeServer(await freePort(), [
        ...['--cluster-enabled', 'yes', '--cluster-port', String(await freePort()), '--cluster-node-timeout', '2000'],
        ...['--repl-diskless-sync-delay', '0'],
      ]),
    ),
  );
  await Promise.all(servers.map((server) => server.start()));
  const nodes = servers.map(({ port }) => `127.0.0.1:${port}`);
  await run('redis-cli', ['--cluster', 'create', ...nodes, '--cluster-replicas', '1', '--cluster-yes']);
  await inSync(servers);
  return servers;
}

/** Three sentinels over a master and its replica. */
export async function startSentinels(): Promise<{ sentinels: RedisServer[]; servers: RedisServer[] }> {
  const master = await startRedis();
  const replica = await startRedis(['--replicaof', `127.0.0.1 ${master.port}`, '--repl-diskless-sync-delay', '0']);
  await inSync([master, replica]);
  const sentinels = await Promise.all(Array.from({ length: 3 }, () => startSentinel(master.port)));
  for (const sentinel of sentinels)
    await expect.poll(() => sentinel.cli('sentinel', 'ckquorum', 'results').catch(String), eventually()).toMatch(/^OK 3/);
  for (const sentinel of sentinels)
    await expect.poll(() => sentinel.cli('sentinel', 'replicas', 'results'), eventually()).toContain(String(replica.port));
  return { sentinels, servers: [master, replica] };
}

async function startSentinel(masterPort: number): Promise<RedisServer> {
  const port = await freePort();
  const file = join(tempDir(), 'sentinel.conf');
  const lines = [
    `port ${port}`,
    'bind 127.0.0.1',
    'save ""',
    `sentinel monitor results 127.0.0.1 ${masterPort} 2`,
    'sentinel down-after-milliseconds results 2000',
    'sentinel failover-timeout results 10000',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const sentinel = new RedisServer(port, [file, '--sentinel']);
  onTestFinished(() => sentinel.kill());
  await sentinel.start();
  return sentinel;
}

async function makeServer(port: number, more: readonly string[]): Promise<RedisServer> {
  const dir = tempDir();
  const server = new RedisServer(port, ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir, ...more]);
  onTestFinished(() => server.kill());
  return server;
}

async function inSync(servers: readonly RedisServer[]): Promise<void> {
  for (const server of servers)
    await expect
      .poll(() => server.cli('info', 'replication'), eventually())
      .toMatch(/role:master[\s\S]*connected_slaves:1|master_link_status:up/);
}
