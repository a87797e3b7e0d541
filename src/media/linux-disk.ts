import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { posix } from 'node:path';
import type { Medium } from '../core/types.ts';

/** The kernel's account of a block device, and whether it is reliable. */
export interface Disk {
  kind: Medium;
  from: 'detected' | 'assumed';
  /** Name of the physical disk(s), to recognise two roots on one disk. */
  device: string | null;
}

/** Read access to /sys, replaced in tests by a captured tree. */
export interface Sysfs {
  read(path: string): string | null;
  list(path: string): string[];
  real(path: string): string | null;
}

/** The disk that holds a loop device's file; the caller knows it from the mount table. */
export type DiskOfFile = (path: string) => Disk;

const unknown: Disk = { kind: 'hdd', from: 'assumed', device: null };

// In a virtual machine, the disk's rotation flag is the hypervisor's default, not a fact of the disk below. Names other
// than sd and hd (vd, xvd, zram, mmcblk) have no reliable flag either.
const realName = /^[sh]d[a-z]/;
const virtualModel = /vmware|vbox|virtual|qemu/i;
const networkName = /^(nbd|rbd)/;
// iSCSI disks hang below a session, NVMe over fabrics below its own class.
const networkPath = /\/session\d+\/|\/nvme-fabrics\//;

/**
 * Kind of the disk behind a device given as `major:minor` or as a kernel name (`sda1`). Partitions lead to their disk; dm, md and
 * bcache to their parts; loop devices to the file behind them.
 */
export function diskOf(device: string, sysfs: Sysfs, diskOfFile: DiskOfFile): Disk {
  const real = sysfs.real(device.includes(':') ? `/sys/dev/block/${device}` : `/sys/class/block/${device}`);
  if (real === null) return unknown;
  const path = sysfs.read(`${real}/partition`) === null ? real : posix.dirname(real);
  const name = posix.basename(path);
  const parts = sysfs.list(`${path}/slaves`);
  if (parts.length > 0) return slowest(parts.map((part) => diskOf(part, sysfs, diskOfFile)));
  if (name.startsWith('loop')) {
    const file = sysfs.read(`${path}/loop/backing_file`)?.trim();
    return file ? diskOfFile(file) : { ...unknown, device: name };
  }
  return { ...kindOfDisk(name, path, sysfs), device: name };
}

/** The slowest of several disks; known only when each is. */
function slowest(disks: Disk[]): Disk {
  const order: Medium[] = ['nas', 'hdd', 'ssd'];
  const kind = order.find((candidate) => disks.some((disk) => disk.kind === candidate)) ?? 'hdd';
  const from = disks.every((disk) => disk.from === 'detected') ? 'detected' : 'assumed';
  const names = disks.map((disk) => disk.device).sort();
  return { kind, from, device: names.join('+') };
}

function kindOfDisk(name: string, path: string, sysfs: Sysfs): Pick<Disk, 'kind' | 'from'> {
  if (networkName.test(name) || networkPath.test(path)) return { kind: 'nas', from: 'detected' };
  if (name.startsWith('nvme')) return { kind: 'ssd', from: 'detected' };
  const model = `${sysfs.read(`${path}/device/vendor`) ?? ''} ${sysfs.read(`${path}/device/model`) ?? ''}`;
  const rotational = sysfs.read(`${path}/queue/rotational`)?.trim();
  if (!realName.test(name) || virtualModel.test(model)) return unknown;
  if (rotational === '1') return { kind: 'hdd', from: 'detected' };
  return rotational === '0' ? { kind: 'ssd', from: 'detected' } : unknown;
}

export const thisSysfs: Sysfs = {
  read: (path) => attempt(() => readFileSync(path, 'utf8')),
  list: (path) => attempt(() => readdirSync(path)) ?? [],
  real: (path) => attempt(() => realpathSync(path)),
};

function attempt<T>(read: () => T): T | null {
  try {
    return read();
  } catch {
    return null;
  }
}
