import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { Config } from '../../config/types.ts';
import type { Medium } from '../../core/types.ts';
import { detectMedium } from '../../media/medium.ts';
import { volumeOf } from '../../media/volume-of.ts';
import { comfyuiVersion } from '../comfyui-dir.ts';
import { askComfyui } from '../doctor/comfyui-server.ts';
import { configuredRoots } from '../doctor/configured-roots.ts';
import { findComfyui, usualUrl } from '../doctor/find-comfyui.ts';
import { lookAtSources } from '../doctor/look-at-sources.ts';
import type { SourceFacts } from '../doctor/source-checks.ts';
import { type ArenaCache, findArena } from './arena.ts';

/** Findings of `init` on this machine. */
export interface Survey {
  comfyui: { dir: string; version: string | null }[];
  /** Disks and shares with models, and their speeds. */
  sources: SourceFacts[];
  /** Other caches whose copies can be taken over. */
  arena: ArenaCache[];
  cache: { dir: string; kind: Medium; device: string | null; free: number | null };
}

/** Usual places of ComfyUI; the portable one may be unpacked anywhere. */
const usualPlaces = ['ComfyUI', 'comfyui', 'Documents/ComfyUI', 'ComfyUI_windows_portable/ComfyUI'];

/**
 * Looks for ComfyUI, its model folders and those of the settings, and measures a file on each disk. Writes nothing.
 * @param dirs directories of ComfyUI @throws CacheError BAD_REQUEST when one is none
 */
export async function survey(config: Config, { dirs, cwd }: { dirs: readonly string[]; cwd: string }): Promise<Survey> {
  const running = await askComfyui(config.comfyuiUrl ?? usualUrl);
  const usual = [cwd, ...[homedir(), cwd].flatMap((above) => usualPlaces.map((place) => join(above, place)))];
  const there = usual.filter((dir) => existsSync(join(dir, 'custom_nodes')) && existsSync(join(dir, 'main.py')));
  const found = await findComfyui({ named: [...dirs, ...config.comfyui, ...there], running, roots: [] });
  const { roots } = await configuredRoots(config, found);
  const looks = [lookAtSources(roots), detectMedium(config.dir), volumeOf(config.dir)] as const;
  const [sources, { kind, device }, volume] = await Promise.all(looks);
  return {
    comfyui: await Promise.all(found.map(async (dir) => ({ dir, version: await comfyuiVersion(dir) }))),
    sources,
    arena: await findArena(found),
    cache: { dir: config.dir, kind, device, free: volume && volume.bavail * volume.bsize },
  };
}
