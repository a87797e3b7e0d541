import { existsSync } from 'node:fs';
import { posix, win32 } from 'node:path';
import type { Medium } from '../core/types.ts';
import { isNetworkFileSystem, undetermined } from './file-systems.ts';
import { type Disk, diskOf, type Sysfs, thisSysfs } from './linux-disk.ts';
import { isOwnDrive, isUncPath, type KnownVolume, thisMachine } from './machine.ts';
import { findMount, type Mount, readMounts } from './mount-table.ts';
import { knownNow } from './read-volumes.ts';
import { resolveLocally } from './resolve-locally.ts';
import { findVolume, type Volume } from './volumes.ts';

/** The known facts of the medium below a path, found without touching the path. */
export interface MediumFacts {
  kind: Medium;
  /** `assumed`: no reliable fact was found; a copy on the SSD does no harm then. */
  from: 'detected' | 'assumed';
  /** The disk or the share: equal for two paths on the same one; null = unknown. */
  device: string | null;
  fileSystem: string | null;
  /** The path with its local symbolic links resolved, as far as the first network mount. */
  resolved: string;
}

/** Media that can hang: their files are read by a child process. */
export function isNetwork(kind: Medium): boolean {
  return kind === 'nas' || kind === 's3';
}

/**
 * The medium below an absolute path. Reads the mount table and sysfs on Linux, elsewhere the volumes of the system that are known
 * without a wait. Touches the path only on local disks, so a hung mount cannot hang the caller.
 */
export async function detectMedium(path: string): Promise<MediumFacts> {
  const { platform } = process;
  if (platform === 'linux') {
    const { path: resolved } = await resolveLocally(path, thisMachine());
    return { ...linuxMedium(resolved, readMounts(), thisSysfs), resolved };
  }
  const volumes = await knownNow();
  const { path: resolved } = await resolveLocally(path, thisMachine(knownVolumes(volumes)));
  return { ...(platform === 'win32' ? windowsMedium : macMedium)(resolved, volumes), resolved };
}

/** The volumes by which a thread stays on its own one. Empty on Linux, where it reads the mount table. */
export function knownVolumes(volumes: readonly Volume[]): KnownVolume[] {
  return volumes.map(({ mountPoint, kind }) => ({ mountPoint, network: isNetwork(kind) }));
}

/** The present or expected mount point of a path's volume; null = unknown. The path itself is not touched. */
export async function mountPointOf(path: string): Promise<string | null> {
  const { platform } = process;
  if (platform === 'linux') {
    const { path: resolved } = await resolveLocally(path, thisMachine());
    return findMount(readMounts(), resolved)?.mountPoint ?? null;
  }
  const volumes = await knownNow();
  const { path: resolved } = await resolveLocally(path, thisMachine(knownVolumes(volumes)));
  if (platform === 'win32') return driveOf(resolved);
  return findVolume(volumes, resolved, 'darwin')?.mountPoint ?? null;
}

/** An absolute path with its local symbolic links resolved, as far as the first network mount; it need not exist. */
export async function withoutLinks(path: string): Promise<string> {
  const machine = process.platform === 'linux' ? thisMachine() : thisMachine(knownVolumes(await knownNow()));
  return (await resolveLocally(path, machine)).path;
}

/** The drive of a path, if a drive has that letter. */
function driveOf(path: string): string | null {
  const { root } = win32.parse(path);
  return !isUncPath(path) && existsSync(root) ? root.slice(0, 2).toUpperCase() : null;
}

/** Whether touching this path can hang. The path itself is not touched. */
export async function liesOnNetwork(path: string): Promise<boolean> {
  const { kind, fileSystem } = await detectMedium(path);
  return isNetwork(kind) || isNetworkFileSystem(fileSystem ?? '');
}

type Facts = Omit<MediumFacts, 'resolved'>;

const unknown: Facts = { kind: 'hdd', from: 'assumed', device: null, fileSystem: null };

/** Pure part for Linux: `path` has no symbolic links. */
export function linuxMedium(path: string, mounts: readonly Mount[], sysfs: Sysfs): Facts {
  const mount = findMount(mounts, path);
  if (!mount) return unknown;
  const { type: fileSystem, source } = mount;
  if (isNetworkFileSystem(fileSystem)) {
    // All of systemd's automount points have one source, but lead to different servers.
    const device = fileSystem === 'autofs' || source === 'none' || source === '' ? mount.mountPoint : source;
    return { kind: 'nas', from: 'detected', device, fileSystem };
  }
  if (fileSystem === 'tmpfs' || fileSystem === 'ramfs') return { kind: 'ssd', from: 'detected', device: 'memory', fileSystem };
  return { ...diskOf(deviceOf(mount, sysfs), sysfs, (file) => diskOfFile(file, mounts, sysfs)), fileSystem };
}

/** btrfs and others number their devices themselves (major 0): there the mounted device node decides. */
function deviceOf({ device, source }: Mount, sysfs: Sysfs): string {
  if (!device.startsWith('0:') || !source.startsWith('/dev/')) return device;
  return posix.basename(sysfs.real(source) ?? source);
}

function diskOfFile(file: string, mounts: readonly Mount[], sysfs: Sysfs): Disk {
  const { kind, from, device } = linuxMedium(file, mounts, sysfs);
  return { kind, from, device };
}

function macMedium(path: string, volumes: readonly Volume[]): Facts {
  return volumeMedium(path, volumes, 'darwin');
}

/** The medium of a Windows path. A drive that the system has not reported yet may be a share; its name stands for its disk meanwhile. */
export function windowsMedium(path: string, volumes: readonly Volume[]): Facts {
  const facts = volumeMedium(path, volumes, 'win32');
  const isTold = facts.fileSystem !== null || findVolume(volumes, path, 'win32') !== null;
  if (isTold || isOwnDrive(path)) return facts;
  return { ...facts, device: win32.parse(path).root.slice(0, 2).toUpperCase(), fileSystem: undetermined };
}

/** Pure part for macOS and Windows. */
export function volumeMedium(path: string, volumes: readonly Volume[], platform: 'darwin' | 'win32'): Facts {
  if (platform === 'win32' && isUncPath(path)) {
    const share = path
      .replaceAll('/', '\\')
      .replace(/^\\\\[?.]\\UNC/i, '')
      .split('\\')
      .filter(Boolean)
      .slice(0, 2);
    return { kind: 'nas', from: 'detected', device: share.join('\\').toLowerCase(), fileSystem: 'smb' };
  }
  const volume = findVolume(volumes, path, platform);
  if (!volume) return unknown;
  return { kind: volume.kind, from: volume.from, device: volume.device, fileSystem: volume.fileSystem };
}
