/** One host of the farm benchmark: the installed daemon in this process's network namespace, and the orders for it. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Client } from '../src/cli/client.ts';
import { endLeases, Installed } from './installed.ts';
import { serveOrders } from './orders.ts';
import { cpuSeconds, processesOf } from './process-tree.ts';

const installed = new Installed('farm-host', () => ({ AUTOCACHE_WAIT_MAX: '2h', AUTOCACHE_LIMIT: '64GiB' }));
installed.quiet();
const who = { app: 'bench', pid: process.pid };
let daemon: Client | null = null;

const orders = {
  /** Starts it, again with other settings; resolves when its remotes are listed. */
  async start(settings: Record<string, string>, lies = false): Promise<void> {
    await installed.end('SIGTERM');
    mkdirSync(installed.stateDir, { recursive: true, mode: 0o700 });
    writeFileSync(join(installed.stateDir, 'farm.key'), Buffer.alloc(32, 7), { mode: 0o600 });
    const liar = pathToFileURL(join(import.meta.dirname, 'farm-liar.ts')).href;
    Object.assign(installed.env, { NODE_OPTIONS: lies ? `--import=${liar}` : '' }, settings);
    daemon = await installed.start();
    while ((await daemon.remotes()).remotes.some(({ files }) => files === null)) await sleep(100);
  },

  /** Ends it as a power cut does. */
  async kill(): Promise<void> {
    // Leaves first, so that none ends because its parent did.
    for (const pid of processesOf(running().daemon.pid).reverse()) process.kill(pid, 'SIGKILL');
    await installed.end('SIGKILL');
  },

  /** Hosts that give, as this one knows. */
  givers: async (): Promise<number> => (await running().farm()).hosts.filter(({ url }) => url !== null).length,

  directory: async (): Promise<string> => (await running().farm()).directory?.state ?? 'off',

  figures: async () => {
    const { figures, claims, peerErrors } = await running().farm();
    return { ...figures, claims, peerErrors };
  },

  /** Loads the model of a remote. @returns the path of its copy, and the duration, s @throws when there is no copy */
  async load(remote: string): Promise<{ path: string; seconds: number }> {
    const from = performance.now();
    const { path, reason } = await lookup(remote);
    if (!reason.startsWith('HIT')) throw new Error(`a load was ${reason}`);
    return { path, seconds: (performance.now() - from) / 1000 };
  },

  /** Has it copied while no program waits for it. @throws when there is no copy */
  async warm(remote: string): Promise<void> {
    const { ready } = await running().warm({ paths: [await pathOn(remote)], wait: true });
    if (ready !== 1) throw new Error('a model could not be copied');
  },

  /** Resolves when this share of it is here. */
  async untilHas(remote: string, share: number): Promise<void> {
    const path = await pathOn(remote);
    for (;;) {
      const found = (await running().farm()).contents.find((content) => content.path === path);
      if (found !== undefined && found.has >= share * found.chunks) return;
      await sleep(50);
    }
  },

  async evict(remote: string): Promise<void> {
    await endLeases(running(), who);
    const { skipped } = await running().evict({ paths: [await pathOn(remote)] });
    if (skipped.length > 0) throw new Error(`a copy could not be evicted: ${skipped[0]?.why}`);
  },

  /** Times of this number of lookups of a cached model, ms, sorted. */
  async hits(remote: string, count: number): Promise<number[]> {
    const times: number[] = [];
    for (let i = 0; i < count; i++) {
      const from = performance.now();
      const { reason } = await lookup(remote);
      if (reason !== 'HIT') throw new Error(`a lookup of a cached model was ${reason}`);
      times.push(performance.now() - from);
    }
    return times.toSorted((a, b) => a - b);
  },

  /** Processor time that the daemon and its processes have had. */
  cpu: (): number => cpuSeconds(running().daemon.pid),
};

export type HostOrders = typeof orders;
serveOrders(orders);

function running(): Client {
  if (daemon === null) throw new Error('the daemon is not started');
  return daemon;
}

const paths = new Map<string, string>();

async function pathOn(remote: string): Promise<string> {
  const known = paths.get(remote);
  if (known !== undefined) return known;
  const found = (await running().remotes()).remotes.find(({ name }) => name === remote);
  if (found === undefined) throw new Error(`no remote ${remote}`);
  const path = join(found.path, basename(found.url));
  paths.set(remote, path);
  return path;
}

async function lookup(remote: string) {
  return running().lookup({ path: await pathOn(remote), purpose: 'load', waitMs: 7_200_000, client: who });
}
