import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { within } from '../runtime/deadline.ts';
import { type BlockDevice, macVolumes, type PhysicalDisk, type Volume, windowsVolumes } from './volumes.ts';

const deadlineMs = 20_000;

/** The system's own programs that know the volumes. They are separate processes: a hung share hangs them, not this one. */
export interface VolumeTools {
  /** Output of `mount`: milliseconds. macOS only. */
  mounts(): Promise<string>;
  /** PowerShell or diskutil: seconds, and nothing at all where they are forbidden or not there. */
  blockDevices(): Promise<BlockDevice[]>;
  diskLayout(): Promise<PhysicalDisk[]>;
}

interface Told {
  devices: BlockDevice[];
  disks: PhysicalDisk[];
}

/** How long what the slow programs told stays, and how long their silence, ms. */
const lifeMs = { told: 60_000, silent: 600_000 };

/** The volumes of macOS or Windows. Nobody but a command that plans ahead waits for the slow programs. */
export class VolumeReader {
  readonly #platform: 'darwin' | 'win32';
  readonly #tools: VolumeTools;
  readonly #listeners = new Set<() => void>();
  #told: Told = { devices: [], disks: [] };
  /** One question for all who ask meanwhile, each program asked once. */
  #asking: Promise<void> | null = null;
  #askAgainAt = Number.NEGATIVE_INFINITY;

  constructor(platform: 'darwin' | 'win32', tools: VolumeTools) {
    this.#platform = platform;
    this.#tools = tools;
  }

  /** The volumes as far as they are known without waiting for the slow programs, which are asked behind this. */
  async known(): Promise<Volume[]> {
    void this.#ask();
    return this.#volumes();
  }

  /** The same once the slow programs have answered, or not in time. */
  async read(): Promise<Volume[]> {
    await this.#ask();
    return this.#volumes();
  }

  /** Calls the listener at once if the slow programs have told something, and whenever they do. @returns a function that ends this */
  onTold(listener: () => void): () => void {
    this.#listeners.add(listener);
    if (this.#told.devices.length > 0) listener();
    return () => void this.#listeners.delete(listener);
  }

  async #volumes(): Promise<Volume[]> {
    const { devices, disks } = this.#told;
    if (this.#platform === 'win32') return windowsVolumes(devices, disks);
    return macVolumes(await orElse(this.#tools.mounts(), ''), devices);
  }

  #ask(): Promise<void> {
    if (this.#asking) return this.#asking;
    if (performance.now() < this.#askAgainAt) return Promise.resolve();
    this.#asking = this.#askTools().finally(() => {
      this.#asking = null;
    });
    return this.#asking;
  }

  async #askTools(): Promise<void> {
    const { blockDevices, diskLayout } = this.#tools;
    const [devices, disks] = await Promise.all([
      orElse<BlockDevice[]>(blockDevices(), []),
      this.#platform === 'win32' ? orElse<PhysicalDisk[]>(diskLayout(), []) : [],
    ]);
    const isTold = devices.length > 0;
    this.#askAgainAt = performance.now() + (isTold ? lifeMs.told : lifeMs.silent);
    if (!isTold) return;
    this.#told = { devices, disks };
    for (const listener of this.#listeners) listener();
  }
}

/** Of this machine; null on Linux, which has its mount table instead. */
const reader =
  process.platform === 'darwin' || process.platform === 'win32' ? new VolumeReader(process.platform, systemTools()) : null;

/** The volumes as far as they are known at once. Empty on Linux. */
export async function knownNow(): Promise<Volume[]> {
  return reader ? reader.known() : [];
}

/** Waits until the system has told its volumes, at most 20 s; at once on Linux. */
export async function volumesRead(): Promise<void> {
  await reader?.read();
}

/** Calls the listener once the system has told its volumes, and again when it tells more; never on Linux. @returns a function that ends this */
export function onVolumesTold(listener: () => void): () => void {
  return reader?.onTold(listener) ?? (() => {});
}

function systemTools(): VolumeTools {
  // systeminformation takes 40 ms to load and Linux never needs it.
  const loaded = () => import('systeminformation').then((module) => module.default);
  return {
    mounts: async () => (await promisify(execFile)('/sbin/mount', [], { timeout: deadlineMs })).stdout,
    blockDevices: async () => (await loaded()).blockDevices(),
    diskLayout: async () => (await loaded()).diskLayout(),
  };
}

async function orElse<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return (await within(answer, deadlineMs, otherwise).catch(() => otherwise)) ?? otherwise;
}
