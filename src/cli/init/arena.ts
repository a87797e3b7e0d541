import { existsSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { environmentVariable } from '../../config/environment-variable.ts';
import { liesOnNetwork } from '../../media/medium.ts';
import { readSmallFile } from '../../runtime/small-file.ts';
import { filesBelow } from '../file-tree.ts';

/** A directory of Arena AutoCache and its contents; `autocached take-over` compares them. */
export interface ArenaCache {
  dir: string;
  files: number;
  bytes: number;
}

const mostSettings = 64 * 1024;

/** Finds Arena AutoCache's copies in the directories of its settings in each ComfyUI, and in its usual ones; none on a network. */
export async function findArena(comfyui: readonly string[]): Promise<ArenaCache[]> {
  const own = await Promise.all(comfyui.map(rootIn));
  const local = environmentVariable('LOCALAPPDATA');
  const usual = [
    ...comfyui.map((dir) => join(dir, 'models', 'arena_cache')),
    join(homedir(), 'Documents', 'ComfyUI-Cache'),
    ...(local === null ? [] : [join(local, 'ArenaAutoCache')]),
  ];
  const dirs = new Set([...own.flatMap((dir) => dir ?? []), ...usual]);
  const found = await Promise.all([...dirs].map(cacheIn));
  return found.filter((cache) => cache !== null);
}

/** The directory in its settings, which the user wrote with or without quotes. */
async function rootIn(comfyui: string): Promise<string | null> {
  const text = await readSmallFile(join(comfyui, 'user', 'arena_autocache.env'), mostSettings).catch(() => null);
  return /^\s*ARENA_CACHE_ROOT\s*=\s*["']?([^"'\r\n]+?)["']?\s*$/m.exec(text?.toString() ?? '')?.[1] ?? null;
}

async function cacheIn(dir: string): Promise<ArenaCache | null> {
  // With our marker it is a cache directory of autocached, which may have been Arena's before.
  if ((await liesOnNetwork(dir)) || !existsSync(dir) || existsSync(join(dir, '.autocached'))) return null;
  const paths = await filesBelow(dir, () => {});
  const sizes = await Promise.all(
    paths.map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  const bytes = sizes.reduce((sum, size) => sum + size, 0);
  return paths.length === 0 ? null : { dir, files: paths.length, bytes };
}
