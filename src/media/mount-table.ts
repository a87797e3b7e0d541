import { readFileSync } from 'node:fs';
import { posix } from 'node:path';

/** One line of /proc/self/mountinfo, see proc_pid_mountinfo(5). */
export interface Mount {
  id: number;
  parent: number;
  /** `major:minor`; major 0 for file systems without a block device of their own. */
  device: string;
  mountPoint: string;
  type: string;
  /** The mounted device or share: `/dev/sda1`, `nas:/export/models`, `//nas/models`. */
  source: string;
}

/** The mounts in the order of the table; other lines are skipped. */
export function parseMountInfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => {
    const [before, after] = line.split(' - ', 2);
    const [id, parent, device, , mountPoint] = before?.split(' ') ?? [];
    const [type, source] = after?.split(' ') ?? [];
    if (id === undefined || parent === undefined || !device || !mountPoint || !type) return [];
    return [
      {
        id: Number(id),
        parent: Number(parent),
        device,
        mountPoint: unescapeOctal(mountPoint),
        type,
        source: unescapeOctal(source ?? ''),
      },
    ];
  });
}

/** The kernel writes space, tab, newline, `#` and backslash as three octal digits. */
function unescapeOctal(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/**
 * The mount of an absolute path. Purely lexical: the path is not touched, so a hung mount cannot hang the caller. Goes down the
 * tree of mounts as the kernel does, so it never finds a mount hidden under a later one. The caller resolves symbolic links
 * (`resolveLocally`).
 */
export function findMount(mounts: readonly Mount[], path: string): Mount | null {
  const ids = new Set(mounts.map((mount) => mount.id));
  let current = mounts.findLast((mount) => mount.mountPoint === '/' && (!ids.has(mount.parent) || mount.parent === mount.id));
  if (!current) return null;
  for (const prefix of prefixes(posix.normalize(path))) {
    // A mount on the root of another one is its child with the same mount point: follow to the topmost.
    for (let above: Mount | undefined = current; above; above = topmostChild(mounts, above, prefix)) current = above;
  }
  return current;
}

function topmostChild(mounts: readonly Mount[], parent: Mount, at: string): Mount | undefined {
  return mounts.findLast((mount) => mount.parent === parent.id && mount.id !== parent.id && mount.mountPoint === at);
}

/** `/a/b` -> `/`, `/a`, `/a/b`. */
export function prefixes(path: string): string[] {
  const found = ['/'];
  for (let end = path.indexOf('/', 1); end !== -1; end = path.indexOf('/', end + 1)) found.push(path.slice(0, end));
  if (path.length > 1 && !path.endsWith('/')) found.push(path);
  return found;
}

/** The mount table of this process; empty where there is none (macOS, Windows). */
export function readMounts(): Mount[] {
  try {
    return parseMountInfo(readFileSync('/proc/self/mountinfo', 'utf8'));
  } catch {
    return [];
  }
}
