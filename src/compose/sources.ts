import type { LoadedConfig } from '../config/config.ts';
import { SourceRoots } from '../roots/source-roots.ts';
import { SourceSpeeds } from '../usage/source-speeds.ts';
import { Speeds } from '../usage/speeds.ts';
import type { Context } from './context.ts';
import type { Storage } from './storage.ts';

/** Where sources lie, and how fast they and the tiers are. */
export interface Sources {
  roots: SourceRoots;
  speeds: Speeds;
  sourceSpeeds: SourceSpeeds;
}

/** Opens the roots of the configuration, of ComfyUI, and those that programs registered. @throws CacheError BAD_CONFIG */
export async function openSources(
  { config, environment }: LoadedConfig,
  { catalog, ram }: Storage,
  context: Context,
): Promise<Sources> {
  const roots = new SourceRoots({ ...context, catalog, cacheDirs: [config.dir, ...(ram ? [ram.tier.dir] : [])] });
  context.opened.defer(() => roots[Symbol.asyncDispose]());
  await roots.open({ configured: config.roots, comfyui: config.comfyui, environment });
  const speeds = new Speeds(catalog.speeds);
  return { roots, speeds, sourceSpeeds: new SourceSpeeds({ speeds, sources: roots }) };
}
