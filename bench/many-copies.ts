import { linkSync, lstatSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Catalog } from '../src/catalog/catalog.ts';
import { ChunkHash } from '../src/codec/chunk-hash.ts';
import { systemClock } from '../src/runtime/clock.ts';
import { createLog } from '../src/runtime/log.ts';
import type { Manifest } from '../src/tiers/manifest.ts';
import { openPosixTier } from '../src/tiers/posix-tier.ts';
import { reconcile } from '../src/upkeep/reconcile.ts';

/** Files in one directory. */
const perDirectory = 500;

/**
 * Fills an empty cache directory with copies of tiny files, each with its true proof, and the catalog with their rows. A source and
 * its copy are one file under two names, so that a hundred thousand of them take less than a gigabyte.
 * @param options `equal`: whether all files have the same bytes
 * @returns the paths of the sources
 */
export async function makeManyCopies(
  count: number,
  { root, cacheDir, stateDir, equal = false }: { root: string; cacheDir: string; stateDir: string; equal?: boolean },
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
  mkdirSync(stateDir, { recursive: true, mode: 0o700 });
  dropCatalog(stateDir);
  using catalog = new Catalog(join(stateDir, 'catalog.db'), systemClock);
  const { adopted } = await reconcile({ catalog, tier, log: createLog({ level: 'warn', form: 'pretty' }) });
  if (adopted !== count) throw new Error(`${adopted} of ${count} copies came into the catalog`);
  return paths;
}

/** Removes the catalog of a stopped daemon. */
export function dropCatalog(stateDir: string): void {
  for (const suffix of ['', '-wal', '-shm']) rmSync(join(stateDir, `catalog.db${suffix}`), { force: true });
}
