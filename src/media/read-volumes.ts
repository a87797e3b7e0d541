import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { within } from '../runtime/deadline.ts';
import { type BlockDevice, macVolumes, type PhysicalDisk, type Volume, windowsVolumes } from './volumes.ts';

const deadlineMs = 20_000;

/** The system's programs that list the volumes. They are separate processes: a hung share hangs them, not this one. */
export interface VolumeTools {
  /** Output of `mount`: milliseconds. macOS only. */
  mounts(): Promise<string>;
  /** PowerShell or diskutil: takes seconds, and fails where they are forbidden or missing. */
  blockDevices(): Promise<BlockDevice[]>;
  diskLayout(): Promise<PhysicalDisk[]>;
}

interface Told {
  devices: BlockDevice[];
  disks: PhysicalDisk[];
}

/** Validity of an answer of the slow programs, and of their silence, ms. */
const lifeMs = { told: 60_000, silent: 600_000 };

/** The volumes of macOS or Windows. Only commands that plan ahead wait for the slow programs. */
export class VolumeReader {
  readonly #platform: 'darwin' | 'win32';
  readonly #tools: VolumeTools;
  readonly #listeners = new Set<() => void>();
  #told: Told = { devices: [], disks: [] };
  /** The question in flight, shared by all callers; each program is asked once. */
  #asking: Promise<void> | null = null;
  #askAgainAt = Number.NEGATIVE_INFINITY;

  constructor(platform: 'darwin' | 'win32', tools: VolumeTools) {
    this.#platform = platform;
    this.#tools = tools;
  }

  /** The volumes known without waiting for the slow programs, which are asked afterwards. */
  async known(): Promise<Volume[]> {
    void this.#ask();
    return this.#volumes();
  }

  /** The same after the slow programs have answered or timed out. */
  async read(): Promise<Volume[]> {
    await this.#ask();
    return this.#volumes();
  }

  /** Calls the listener at once if the slow programs have answered, and whenever they do. @returns a function that ends this */
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

/** The volumes of this machine; null on Linux, which has its mount table instead. */
const reader =
  process.platform === 'darwin' || process.platform === 'win32' ? new VolumeReader(process.platform, systemTools()) : null;

/** The volumes known without a wait. Empty on Linux. */
export async function knownNow(): Promise<Volume[]> {
  return reader ? reader.known() : [];
}

/** Waits until the system has listed its volumes, at most 20 s; resolves at once on Linux. */
export async function volumesRead(): Promise<void> {
  await reader?.read();
}

/** Calls the listener when the system has listed its volumes, and when it lists more; never on Linux. @returns a function that ends this */
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
