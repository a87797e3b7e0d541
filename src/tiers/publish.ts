import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  closeSync,
  existsSync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import type { Seal, SourceFile } from '../core/types.ts';
import { errnoOf } from '../runtime/errnos.ts';
import { isModelName } from '../weights/extensions.ts';
import type { Manifest } from './manifest.ts';

export interface Publication {
  /** The finished file, on the tier's file system. */
  temp: string;
  path: string;
  manifestPath: string;
  source: SourceFile;
  hash: string;
  chunks: readonly string[];
  sha256: string | null;
  /** A file with the source's mtime, if not the source itself. */
  mtimeFrom?: string;
}

/**
 * Puts a finished file under its name: mtime of the source, fsync, proof, rename, fsync of the directory (law 1). A crash at any
 * point leaves either nothing under the name, or a file that matches its proof.
 */
export function publish(publication: Publication): Seal {
  const { temp, path, manifestPath, source, hash, chunks, sha256, mtimeFrom = source.path } = publication;
  setMtime(temp, source.fingerprint.mtimeNs, mtimeFrom);
  const seal = sealOf(temp);
  // A program that opens its model for writing gets an error instead of changing the copy for all others. A note about a model is
  // a file of its own, and may be written to as beside the source (see `upkeep/written.ts`).
  if (process.platform !== 'win32') chmodSync(temp, isModelName(path) ? 0o444 : 0o644);
  const proof: Manifest = { version: 1, source, seal, hash, chunks: chunks.join(''), sha256 };
  writeDurably(`${temp}.seal`, `${JSON.stringify(proof)}\n`);
  moveDurably(`${temp}.seal`, manifestPath);
  moveDurably(temp, path);
  return seal;
}

/** Maximum number of attempts when the directory is removed meanwhile, as an eviction does with an empty one. */
const moveTries = 5;

/** Renames a file so that a power cut does not undo it. */
export function moveDurably(from: string, to: string): void {
  const dir = dirname(to);
  for (let tries = 1; ; tries += 1) {
    try {
      assertNoLink(dir);
      mkdirSync(dir, { recursive: true });
      renameSync(from, to);
      break;
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT' || tries === moveTries) throw error;
    }
  }
  syncDirectory(dir);
}

/** Law 2: if a folder of the tier was made a link, it leads to foreign files, and no folders are made there. */
function assertNoLink(dir: string): void {
  let existing = dir;
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing);
  if (realpathSync(existing) !== existing) throw new Error(`${existing} is a link to another place`);
}

function sealOf(file: string): Seal {
  const fd = openSync(file, 'r+');
  try {
    fsyncSync(fd);
    const stat = fstatSync(fd, { bigint: true });
    return { size: Number(stat.size), mtimeNs: String(stat.mtimeNs), ino: String(stat.ino) };
  } finally {
    closeSync(fd);
  }
}

/**
 * Loaders compare mtimes, some to the nanosecond. Node sets microseconds. Where those are not exact, POSIX `touch` copies the rest
 * from a file with that mtime, or GNU's takes it as a number. On Windows the microsecond stays.
 * @param from a file that has it, if there is one
 */
export function setMtime(file: string, mtimeNs: string, from = file): void {
  if (mtimeOf(file) === mtimeNs) return;
  const seconds = Number(BigInt(mtimeNs) / 1000n) / 1e6;
  utimesSync(file, seconds, seconds);
  if (process.platform === 'win32') return;
  const number = `@${mtimeNs.slice(0, -9)}.${mtimeNs.slice(-9)}`;
  for (const to of [
    ['-r', from],
    ['-d', number],
  ]) {
    if (mtimeOf(file) === mtimeNs) return;
    spawnSync('touch', ['-c', ...to, '--', file], { stdio: 'ignore', timeout: 10_000 });
  }
  if (mtimeOf(file) !== mtimeNs) utimesSync(file, seconds, seconds);
}

function mtimeOf(file: string): string {
  return String(statSync(file, { bigint: true }).mtimeNs);
}

/** Writes a small file anew so that it survives a power cut. */
export function writeDurably(path: string, text: string): void {
  rmSync(path, { force: true });
  const fd = openSync(path, 'wx', 0o600);
  try {
    writeFileSync(fd, text);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** Makes a rename survive a power cut. Windows has no such call and journals the name itself. */
function syncDirectory(dir: string): void {
  if (process.platform === 'win32') return;
  const fd = openSync(dir, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
