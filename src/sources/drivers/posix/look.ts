import { lstatSync, opendirSync, readdirSync, realpathSync, statfsSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';
import { foldCase } from '../../../core/fold-case.ts';
import { meaningOf } from '../../../runtime/errnos.ts';
import { isSkippedName } from '../../../weights/extensions.ts';
import type { RootFacts, StatAnswer } from '../../driver.ts';

/** The facts of a root that are known without touching it. */
export interface Ground {
  root: string;
  /** Whether the root is on a network: its server may temporarily hide the contents of a folder. */
  network: boolean;
  stableInodes: boolean;
}

/** @throws the error of the file system, other than "not there" */
export function lookAt(path: string, ground: Ground): StatAnswer {
  const { root, stableInodes } = ground;
  const stats = orAbsent(() => statSync(path, { bigint: true }), null);
  if (stats && !stats.isFile()) return { is: 'other' };
  if (stats) {
    const { size, mtimeNs, ctimeNs, ino } = stats;
    return { is: 'file', size: Number(size), mtimeNs, ...(stableInodes && { ctimeNs }), ino: stableInodes ? ino : null };
  }
  // A dangling link may lead into an away volume, so its file may still exist.
  if (leadsNowhere(root, path)) return { is: 'absent', root: null };
  return { is: 'absent', root: orAbsent(() => identify(ground), null) };
}

function leadsNowhere(root: string, path: string): boolean {
  let prefix = root;
  for (const part of relative(root, path).split(sep)) {
    prefix = join(prefix, part);
    if (!exists(prefix)) return isLink(prefix);
  }
  return false;
}

function exists(path: string): boolean {
  return orAbsent<unknown>(() => statSync(path), null) !== null;
}

function isLink(path: string): boolean {
  return orAbsent(() => lstatSync(path).isSymbolicLink(), false);
}

/** @throws errors of the file system other than "not there" */
function orAbsent<T>(look: () => T, absent: T): T {
  try {
    return look();
  } catch (error) {
    const meaning = meaningOf(error);
    // A file with too long a name cannot exist.
    if (meaning === 'missing' || meaning === 'bad-name') return absent;
    throw error;
  }
}

/** @throws the error of the file system when the root is not a directory that answers */
export function identify({ root, network, stableInodes }: Ground): RootFacts {
  const { empty, lettered } = namesIn(root);
  const { dev, ino } = statSync(root, { bigint: true });
  const { type, bsize, blocks } = statfsSync(root);
  const ignoring = lettered === null ? null : ignoresCase(root, lettered);
  return {
    empty,
    identity: { device: String(dev), type, bytes: bsize * blocks, ...(stableInodes && !network && { ino: String(ino) }) },
    real: ignoring ? spelledOnDisk(realpathSync(root), dev) : realpathSync(root),
    ignoresCase: ignoring,
  };
}

/** A path in the spelling of the directory listings, as far up as it is on this device. */
function spelledOnDisk(path: string, device: bigint): string {
  const above = dirname(path);
  if (above === path || statSync(above, { bigint: true }).dev !== device) return path;
  const names = readdirSync(above);
  const name = basename(path);
  const folded = foldCase(name);
  const listed = names.includes(name) ? name : (names.find((other) => foldCase(other) === folded) ?? name);
  return join(spelledOnDisk(above, device), listed);
}

/** Whether a file is found by its name in the other case; null when the file itself does not answer. */
function ignoresCase(directory: string, name: string): boolean | null {
  const other = /[a-z]/.test(name) ? name.replace(/[a-z]/g, (letter) => letter.toUpperCase()) : name.toLowerCase();
  if (!exists(join(directory, name))) return null;
  // Inode numbers prove nothing: some file systems give each spelling a different number.
  return exists(join(directory, other)) && !readdirSync(directory).includes(other);
}

/** Whether a directory has no possible model, and the first such name that has a letter. */
function namesIn(path: string): { empty: boolean; lettered: string | null } {
  const directory = opendirSync(path);
  let empty = true;
  try {
    for (let entry = directory.readSync(); entry; entry = directory.readSync()) {
      if (isSkippedName(entry.name)) continue;
      empty = false;
      if (/[a-z]/i.test(entry.name)) return { empty, lettered: entry.name };
    }
    return { empty, lettered: null };
  } finally {
    directory.closeSync();
  }
}
