import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { HostOrders } from './farm-host.ts';
import { FarmNetwork, type Links } from './farm-network.ts';
import type { OriginOrders } from './farm-origin.ts';
import { OrderedProcess } from './orders.ts';
import { writeRandom } from './slow-mount.ts';

export type Host = OrderedProcess<HostOrders>;

export type Loaded = Awaited<ReturnType<HostOrders['load']>>;

export interface Model {
  /** Name of its remote. */
  name: string;
  bytes: number;
}

export interface FarmHostsOptions {
  /** Removed at the end with its contents. */
  dir: string;
  /** Number of hosts. */
  count: number;
  links: Links;
  models: readonly Model[];
}

/** An origin with a Redis, and hosts that read models from it, each in its own network namespace. */
export class FarmHosts {
  readonly network: FarmNetwork;
  /** The bytes of all models: each begins as this file does. */
  readonly file: string;
  readonly origin: OrderedProcess<OriginOrders>;
  readonly hosts: Host[];
  readonly #dir: string;
  readonly #settings: Record<string, string>;

  private constructor(network: FarmNetwork, { dir, count, models }: FarmHostsOptions) {
    this.network = network;
    this.#dir = dir;
    this.file = writeRandom(join(dir, 'model'), Math.max(...models.map(({ bytes }) => bytes)));
    const env = { ...process.env, TMPDIR: dir };
    const own = (member: number, script: string, ...args: string[]) =>
      network.within(member, process.execPath, join(import.meta.dirname, script), ...args);
    this.origin = new OrderedProcess(own(0, 'farm-origin.ts', this.file, network.address(0)), env);
    this.hosts = Array.from({ length: count }, (_, index) => new OrderedProcess(own(index + 1, 'farm-host.ts'), env));
    this.#settings = {
      AUTOCACHE_FARM: `redis://${network.address(0)}:6379`,
      AUTOCACHE_REMOTES: models.map((model) => `${model.name}=${this.urlOf(model)}?to=checkpoints`).join(';'),
    };
  }

  /** Prints the reason when the machine does not allow it. All that is started ends with this process. */
  static async startOrSkip(options: FarmHostsOptions): Promise<FarmHosts | null> {
    const network = FarmNetwork.orSkip(options.count, options.links);
    if (network === null) return null;
    process.once('exit', () => {
      network[Symbol.dispose]();
      rmSync(options.dir, { recursive: true, force: true, maxRetries: 5 });
    });
    const farm = new FarmHosts(network, options);
    await farm.origin.ask('start');
    await Promise.all(farm.hosts.map((_, index) => farm.start(index)));
    await farm.untilKnown();
    return farm;
  }

  /** Starts the daemon of a host, again with other settings. */
  start(
    index: number,
    { settings = {}, lies = false }: { settings?: Record<string, string>; lies?: boolean } = {},
  ): Promise<void> {
    return this.host(index).ask('start', { ...this.#settings, ...settings }, lies);
  }

  host(index: number): Host {
    const host = this.hosts[index];
    if (host === undefined) throw new Error(`no host ${index}`);
    return host;
  }

  /** Resolves when each host knows all others. */
  async untilKnown(): Promise<void> {
    for (const host of this.hosts) while ((await host.ask('givers')) < this.hosts.length) await sleep(200);
  }

  urlOf(model: Model): string {
    return `http://${this.network.address(0)}:8000/${fileOf(model)}`;
  }

  /** Bytes of a model that the origin has sent, as a multiple of its size. */
  async originReads(model: Model): Promise<number> {
    return (await this.origin.ask('sent', fileOf(model))) / model.bytes;
  }

  /** All of these hosts load a model at once; those that fail are left out. @returns the first one first */
  async load(model: Model, hosts: readonly Host[] = this.hosts): Promise<Loaded[]> {
    const loads = await Promise.allSettled(hosts.map((host) => host.ask('load', model.name)));
    const loaded = loads.flatMap((load) => (load.status === 'fulfilled' ? [load.value] : []));
    return loaded.toSorted((a, b) => a.seconds - b.seconds);
  }

  async evict(model: Model, hosts: readonly Host[] = this.hosts): Promise<void> {
    await Promise.all(hosts.map((host) => host.ask('evict', model.name)));
  }

  /** Each host runs a program that reads a model into a file. @returns seconds of each that ended well, sorted */
  async readers(model: Model, commandOf: (url: string, path: string) => string[]): Promise<number[]> {
    const times = await Promise.all(
      this.hosts.map(async (_, index) => {
        const path = join(this.#dir, `reader-${index}`);
        const [program = '', ...args] = this.network.within(index + 1, ...commandOf(this.urlOf(model), path));
        const from = performance.now();
        const child = spawn(program, args, { stdio: 'ignore' });
        const [code] = await once(child, 'exit');
        rmSync(path, { force: true });
        return code === 0 ? [(performance.now() - from) / 1000] : [];
      }),
    );
    return times.flat().toSorted((a, b) => a - b);
  }
}

function fileOf({ name, bytes }: Model): string {
  return `${name}-${bytes}.safetensors`;
}
