import { dirname } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { LoadedConfig } from '../config/config.ts';
import type { ServedSettings } from '../config/served-settings.ts';
import type { Config } from '../config/types.ts';
import type { SourceRootsOptions } from '../roots/options.ts';
import { SourceRoots } from '../roots/source-roots.ts';
import { cacheAround } from '../tiers/marker.ts';
import { SourceSpeeds } from '../usage/source-speeds.ts';
import { Speeds } from '../usage/speeds.ts';
import type { Context } from './context.ts';
import type { Storage } from './storage.ts';

/** The roots, and the speeds of sources and tiers. */
export interface Sources {
  roots: SourceRoots;
  speeds: Speeds;
  sourceSpeeds: SourceSpeeds;
}

/** Opens the roots of the settings, of ComfyUI, and those that programs registered. @throws CacheError BAD_CONFIG */
export async function openSources(
  { config, environment }: LoadedConfig,
  settings: ServedSettings,
  { catalog, tier, ram }: Storage,
  context: Context & Pick<SourceRootsOptions, 'ignoresCase' | 'openThread' | 'onSpent'>,
): Promise<Sources> {
  const cacheDirs = [config.dir, config.stateDir, ...(ram ? [ram.tier.dir] : [])];
  const copiesOf = (root: string) => dirname(tier.placeOf(root, 'any').path);
  const remotes = { remotes: config.remotes, stateDir: config.stateDir, copiesOf, listMs: config.remoteListMs };
  const roots = new SourceRoots({ ...context, catalog, cacheDirs, cacheAround, environment, remotes });
  context.opened.defer(() => roots[Symbol.asyncDispose]());
  const names = (from: Config) => ({ roots: from.roots, comfyui: from.comfyui });
  // A faulty text stops the start, as its author is there to correct it; a change at runtime does not, nor a file that cannot be read.
  await roots.open(settings.current, { strict: isDeepStrictEqual(names(settings.current), names(config)) });
  const speeds = new Speeds({
    load: () => catalog.speeds.load(),
    save(place, speed) {
      const onError = (err: unknown) => context.log.debug({ err, place }, 'a measured speed is not kept');
      catalog.write(() => catalog.speeds.save(place, speed)).catch(onError);
    },
  });
  return { roots, speeds, sourceSpeeds: new SourceSpeeds({ speeds, sources: roots }) };
}
