import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { within } from '../runtime/deadline.ts';
import { type BlockDevice, macVolumes, type PhysicalDisk, type Volume, windowsVolumes } from './volumes.ts';

const deadlineMs = 20_000;
const lifeMs = 60_000;

/**
 * The volumes of macOS or Windows from the system's own tools, at most a minute old. Empty elsewhere, and when the tools do not
 * answer in time. The tools are separate programs: a hung share hangs them, not this process.
 */
export function readVolumes(platform: NodeJS.Platform = process.platform): Promise<Volume[]> {
  if (platform !== 'darwin' && platform !== 'win32') return Promise.resolve([]);
  if (!last || performance.now() - last.at > lifeMs) last = { at: performance.now(), volumes: ask(platform) };
  return last.volumes;
}

// Concurrent calls share one answer: a start registers dozens of roots, and each question costs seconds of PowerShell.
let last: { at: number; volumes: Promise<Volume[]> } | undefined;

async function ask(platform: 'darwin' | 'win32'): Promise<Volume[]> {
  // systeminformation takes 40 ms to load and Linux never needs it.
  const { blockDevices, diskLayout } = (await import('systeminformation')).default;
  if (platform === 'darwin') {
    const [mounts, devices] = await Promise.all([orElse(mountOutput(), ''), orElse<BlockDevice[]>(blockDevices(), [])]);
    return macVolumes(mounts, devices);
  }
  const [devices, disks] = await Promise.all([
    orElse<BlockDevice[]>(blockDevices(), []),
    orElse<PhysicalDisk[]>(diskLayout(), []),
  ]);
  return windowsVolumes(devices, disks);
}

async function mountOutput(): Promise<string> {
  const { stdout } = await promisify(execFile)('/sbin/mount', [], { timeout: deadlineMs });
  return stdout;
}

async function orElse<T>(answer: Promise<T>, otherwise: T): Promise<T> {
  return (await within(answer, deadlineMs, otherwise).catch(() => otherwise)) ?? otherwise;
}
