import { lstatSync } from 'node:fs';
import { readlink } from 'node:fs/promises';
import { win32 } from 'node:path';
import { isMainThread } from 'node:worker_threads';
import { isNetworkFileSystem } from './file-systems.ts';
import { findMount, type Mount, readMounts } from './mount-table.ts';

/** The parts of a machine that decide where a path leads. None of them touches the path's own volume. */
export interface Machine {
  platform: NodeJS.Platform;
  /** Target of a symbolic link; null for anything else. Asked for local paths only. */
  readlink(path: string): Promise<string | null>;
  /** The volume of a path without links. */
  volumeOf(path: string): VolumeId;
}

export interface VolumeId {
  /** Equal for two paths on one volume. */
  id: string;
  /** Whether it can hang. */
  network: boolean;
}

/** A mount point on macOS or Windows, where a thread cannot look it up itself. */
export interface KnownVolume {
  mountPoint: string;
  network: boolean;
}

const mountTableLifeMs = 1_000;

/**
 * This machine. On Linux it reads the mount table, again when that is older than a second; elsewhere the caller passes the known
 * volumes.
 */
export function thisMachine(volumes: readonly KnownVolume[] = []): Machine {
  const { platform } = process;
  const volumeOf = platform === 'linux' ? mountTableLookup() : (path: string) => knownVolume(volumes, path, platform);
  return { platform, readlink: readlinkOrNull, volumeOf };
}

function mountTableLookup(): (path: string) => VolumeId {
  let readAt = Number.NEGATIVE_INFINITY;
  let mounts: Mount[] = [];
  return (path) => {
    if (performance.now() - readAt > mountTableLifeMs) {
      mounts = readMounts();
      readAt = performance.now();
    }
    const mount = findMount(mounts, path);
    return mount ? { id: String(mount.id), network: isNetworkFileSystem(mount.type) } : { id: '', network: false };
  };
}

/**
 * The longest of the volumes' mount points above a path. On Windows a share is a separate volume, and a drive that is not among the
 * volumes may be a share.
 */
export function knownVolume(volumes: readonly KnownVolume[], path: string, platform: NodeJS.Platform): VolumeId {
  const root = platform === 'win32' ? win32.parse(path).root.toLowerCase() : '';
  if (platform === 'win32' && isUncPath(path)) return { id: root, network: true };
  const above = volumes.filter(({ mountPoint }) => {
    if (platform === 'win32') return root.startsWith(mountPoint.toLowerCase());
    return mountPoint === '/' || path === mountPoint || path.startsWith(`${mountPoint}/`);
  });
  const [best] = above.sort((a, b) => b.mountPoint.length - a.mountPoint.length);
  if (best) return { id: best.mountPoint.toLowerCase(), network: best.network };
  return { id: root, network: platform === 'win32' && !isOwnDrive(path) };
}

/** Whether a Windows path is on the drive that Windows or this program was started from, which does not hang. */
export function isOwnDrive(path: string): boolean {
  const own = ['C:', win32.parse(process.execPath).root.slice(0, 2)];
  return own.some((drive) => drive !== '' && path.toUpperCase().startsWith(drive.toUpperCase()));
}

/** True for `\\server\share\…` in each of its spellings; `\\?\C:\…` and `\\.\…` are local. */
export function isUncPath(path: string): boolean {
  const backslashed = path.replaceAll('/', '\\');
  return /^\\\\[?.]\\UNC\\/i.test(backslashed) || /^\\\\[^\\?.]/.test(backslashed);
}

async function readlinkOrNull(path: string): Promise<string | null> {
  try {
    // Most paths are no links, for which the error takes longest. A thread of its own may wait for a local disk.
    if (!isMainThread && !lstatSync(path).isSymbolicLink()) return null;
    return await readlink(path);
  } catch {
    return null;
  }
}
