import { spawnSync } from 'node:child_process';
import { chmodSync, statSync, utimesSync } from 'node:fs';
import type { Seal, SourceFile } from '../core/types.ts';
import { isModelName } from '../weights/extensions.ts';
import { moveDurably, syncFile, writeDurably } from './durable.ts';
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
  /** As in `Manifest`. */
  bases?: string[];
}

/**
 * Gives a finished file its name: mtime of the source, fsync, proof, rename, fsync of the directory (law 1). A crash at any point
 * leaves either no file of that name, or one that matches its proof.
 */
export async function publish(publication: Publication): Promise<Seal> {
  const { temp, path, manifestPath, source, hash, chunks, sha256, mtimeFrom = source.path, bases } = publication;
  setMtime(temp, source.fingerprint.mtimeNs, mtimeFrom);
  // A program that opens its model for writing gets an error instead of changing the copy for all others. A note about a model is
  // a file of its own, and may be written to as beside the source (see `upkeep/written.ts`).
  if (process.platform !== 'win32') chmodSync(temp, isModelName(path) ? 0o444 : 0o644);
  await syncFile(temp);
  const seal = sealOf(temp);
  const proof: Manifest = { version: 1, source, seal, hash, chunks: chunks.join(''), sha256, ...(bases && { bases }) };
  await writeDurably(`${temp}.seal`, `${JSON.stringify(proof)}\n`);
  await moveDurably(`${temp}.seal`, manifestPath);
  await moveDurably(temp, path);
  return seal;
}

function sealOf(file: string): Seal {
  const { size, mtimeNs, ino } = statSync(file, { bigint: true });
  return { size: Number(size), mtimeNs: String(mtimeNs), ino: String(ino) };
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
