import { posix, win32 } from 'node:path';
import type { Machine } from './machine.ts';
import { prefixes } from './mount-table.ts';

export interface Resolution {
  /** The path with every symbolic link replaced that is readable without touching a network mount. */
  path: string;
  /** The part of the given path that leads onto the network, or null when all of it is local. */
  networkAt: string | null;
}

const mostLinks = 40;

/**
 * Follows the symbolic links of an absolute path on local disks only. `realpath` would go further and hang with the mount; this
 * touches a path only after the mount table has shown it to be local.
 */
export async function resolveLocally(path: string, machine: Machine): Promise<Resolution> {
  const paths = machine.platform === 'win32' ? win32 : posix;
  const given = paths.resolve(path);
  let current = given;
  let linkEnd = 0;
  for (let followed = 0; followed <= mostLinks; followed++) {
    const step = await firstLinkOrNetwork(current, machine);
    if (step === null) break;
    // The rest behind the prefix is unchanged from the given path, except inside the target of a link.
    const rest = current.slice(step.prefix.length);
    linkEnd = Math.max(linkEnd, given.length - rest.length);
    if (step.target === null) return { path: current, networkAt: given.slice(0, linkEnd) || paths.sep };
    current = paths.join(paths.resolve(paths.dirname(step.prefix), step.target), rest);
  }
  return { path: current, networkAt: null };
}

async function firstLinkOrNetwork(path: string, machine: Machine): Promise<{ prefix: string; target: string | null } | null> {
  for (const prefix of machine.platform === 'win32' ? windowsPrefixes(path) : prefixes(path)) {
    if (machine.volumeOf(prefix).network) return { prefix, target: null };
    const target = await machine.readlink(prefix);
    if (target !== null) return { prefix, target };
  }
  return null;
}

function windowsPrefixes(path: string): string[] {
  const { root } = win32.parse(path);
  const found = [root];
  for (let end = path.indexOf('\\', root.length); end !== -1; end = path.indexOf('\\', end + 1)) found.push(path.slice(0, end));
  if (path.length > root.length) found.push(path);
  return found;
}

/**
 * The first part of `path`, at or below `root`, on another volume than `root` or on the network; null when there is none. Touches
 * local volumes only.
 */
export async function foreignPart(root: string, path: string, machine: Machine): Promise<string | null> {
  const paths = machine.platform === 'win32' ? win32 : posix;
  const home = await resolveLocally(root, machine);
  if (home.networkAt !== null) return root;
  const { id } = machine.volumeOf(home.path);
  const parts = paths.relative(root, path).split(paths.sep).filter(Boolean);
  let prefix = root;
  for (const part of parts) {
    prefix = paths.join(prefix, part);
    const { path: real, networkAt } = await resolveLocally(prefix, machine);
    if (networkAt !== null || machine.volumeOf(real).id !== id) return prefix;
  }
  return null;
}
