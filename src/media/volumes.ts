import { posix, win32 } from 'node:path';
import type { Medium } from '../core/types.ts';
import { isNetworkFileSystem } from './file-systems.ts';

/** A mounted volume of macOS or Windows. */
export interface Volume {
  /** `/Volumes/models`, or a drive such as `Z:`. */
  mountPoint: string;
  fileSystem: string;
  kind: Medium;
  from: 'detected' | 'assumed';
  /** The physical disk or the share, to recognise two roots on one of them. */
  device: string;
}

/** The fields used of systeminformation's `blockDevices` and `diskLayout`. */
export interface BlockDevice {
  name: string;
  fsType: string;
  mount: string;
  physical: string;
  protocol: string;
  device?: string;
}
export interface PhysicalDisk {
  device: string;
  type: string;
}

/**
 * The volumes of macOS. `mount` lists all of them, network shares included, without touching any (it reads the kernel's list);
 * `blockDevices` (diskutil) shows which disk is solid.
 */
export function macVolumes(mountOutput: string, devices: BlockDevice[]): Volume[] {
  return mountOutput.split('\n').flatMap((line) => {
    const [, source, mountPoint, fileSystem] = /^(.+?) on (.+) \(([^,)]+)[^()]*\)$/.exec(line) ?? [];
    if (!source || !mountPoint || !fileSystem) return [];
    const disk = devices.find((device) => device.name === source);
    return [{ mountPoint, fileSystem, device: disk?.device || source, ...macKind(fileSystem, disk) }];
  });
}

function macKind(fileSystem: string, disk: BlockDevice | undefined): Pick<Volume, 'kind' | 'from'> {
  if (isNetworkFileSystem(fileSystem)) return { kind: 'nas', from: 'detected' };
  if (disk?.physical === 'SSD') return { kind: 'ssd', from: 'detected' };
  // systeminformation says HDD wherever diskutil does not say solid; for USB boxes and disk images that proves nothing.
  const told = disk?.physical === 'HDD' && ['SATA', 'ATA'].includes(disk.protocol);
  return { kind: 'hdd', from: told ? 'detected' : 'assumed' };
}

/** The drives of Windows: `blockDevices` shows which letters are network drives, `diskLayout` the kind of the local disks. */
export function windowsVolumes(devices: BlockDevice[], disks: PhysicalDisk[]): Volume[] {
  return devices.flatMap(({ mount, fsType, physical, device }) => {
    if (!/^[a-z]:/i.test(mount)) return [];
    const volume = { mountPoint: mount.slice(0, 2).toUpperCase(), fileSystem: fsType, device: device || mount };
    if (physical === 'Network') return [{ ...volume, kind: 'nas' as const, from: 'detected' as const }];
    if (physical === 'RAM') return [{ ...volume, kind: 'ssd' as const, from: 'detected' as const }];
    const disk = disks.find((candidate) => candidate.device === device);
    return [{ ...volume, ...windowsKind(disk?.type) }];
  });
}

function windowsKind(type: string | undefined): Pick<Volume, 'kind' | 'from'> {
  if (type === 'SSD' || type === 'NVMe' || type === 'SCM') return { kind: 'ssd', from: 'detected' };
  return { kind: 'hdd', from: type === 'HD' ? 'detected' : 'assumed' };
}

/** The volume of a path: the longest mount point, of equals the last. Lexical. */
export function findVolume(volumes: readonly Volume[], path: string, platform: 'darwin' | 'win32'): Volume | null {
  const lies = ({ mountPoint }: Volume) =>
    platform === 'win32'
      ? win32.parse(path).root.toUpperCase().startsWith(mountPoint)
      : mountPoint === '/' || path === mountPoint || posix.normalize(path).startsWith(`${mountPoint}/`);
  return volumes.filter(lies).reduce<Volume | null>((best, volume) => {
    return best && best.mountPoint.length > volume.mountPoint.length ? best : volume;
  }, null);
}
