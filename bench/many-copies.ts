import { linkSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '../src/cli/client.ts';
import { ChunkHash } from '../src/codec/chunk-hash.ts';
import type { Manifest } from '../src/tiers/manifest.ts';
import { openPosixTier } from '../src/tiers/posix-tier.ts';

/** Files in one directory. */
const perDirectory = 500;

/**
 * Fills an empty cache directory with copies of tiny files, each with its true proof. A source and its copy are one file under two
 * names, so that a hundred thousand of them take less than a gigabyte. The first daemon that starts enters them into its catalog.
 * @param options `equal`: whether all files have the same bytes
 * @returns the paths of the sources
 */
export async function makeManyCopies(
  count: number,
  { root, cacheDir, equal = false }: { root: string; cacheDir: string; equal?: boolean },
): Promise<string[]> {
  const tier = openPosixTier('ssd', cacheDir);
  const paths: string[] = [];
  for (let index = 0; index < count; index += 1) {
    const rel = join('loras', String(Math.floor(index / perDirectory)), `style-${index}.safetensors`);
    const path = join(root, rel);
    const place = tier.placeOf(root, rel);
    const directories = [path, place.path, place.manifestPath].map((file) => dirname(file));
    if (index % perDirectory === 0) for (const directory of directories) mkdirSync(directory, { recursive: true });
    const bytes = Buffer.from(equal ? root : path);
    writeFileSync(place.path, bytes, { mode: 0o444 });
    linkSync(place.path, path);
    const { size, mtimeNs, ino } = lstatSync(path, { bigint: true });
    const seal = { size: Number(size), mtimeNs: String(mtimeNs), ino: String(ino) };
    const hash = await ChunkHash.create();
    hash.update(bytes);
    const source = { path, root, rel, category: 'loras', fingerprint: seal };
    const proof: Manifest = { version: 1, source, seal, hash: hash.digest(), chunks: hash.chunks.join(''), sha256: null };
    writeFileSync(place.manifestPath, `${JSON.stringify(proof)}\n`);
    paths.push(path);
  }
  return paths;
}

/** Resolves when the daemon has accounted for everything in its cache. */
export async function accounted(client: Client): Promise<void> {
  // Each look counts all copies, in the thread that should do the work.
  while ((await client.stats()).accounting !== null) await sleep(500);
}

/** Removes the catalog of a stopped daemon. */
export function dropCatalog(stateDir: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(stateDir, `catalog.db${suffix}`), { force: true });
}
