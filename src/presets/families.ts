import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { packageDir } from '../runtime/package.ts';
import type { FamilyName } from './family-names.ts';

const file = z.strictObject({ category: z.string(), name: z.string(), url: z.url() });
const weights = z.strictObject({ dev: file, distilled: file, textEncoder: file });

const shared = {
  name: z.string(),
  models: weights,
  /** The same in fewer bits, as published. */
  quantized: weights,
  /** Doubles width and height between two stages. */
  upscaler: file,
  /** Makes the undistilled model refine in three steps. */
  distilledLora: file,
  distilledLoraStrength: z.number(),
  icLora: file,
  /** Sampler of the distilled model's first stage. */
  distilledSampler: z.enum(['euler', 'euler_ancestral']),
  /** The H.264 quality (CRF) of its training images. */
  imageCompression: z.number().int(),
  /** Size of a decoded tile, in pixels and frames. */
  decode: z.strictObject({
    tile_size: z.number(),
    overlap: z.number(),
    temporal_size: z.number(),
    temporal_overlap: z.number(),
  }),
};

const family = z.discriminatedUnion('layout', [
  /** One file holds the transformer and both VAEs. */
  z.strictObject({ layout: z.literal('checkpoint'), ...shared }),
  z.strictObject({ layout: z.literal('parts'), videoVae: file, audioVae: file, ...shared }),
]);

/** A generation of LTX: its files, and the figures that it was made for. */
export type Family = z.infer<typeof family>;

const loaded = new Map<FamilyName, Family>();

/** Read once, from `config/presets/families`. */
export function familyOf(name: FamilyName): Family {
  const known = loaded.get(name);
  if (known) return known;
  const path = join(packageDir, 'config', 'presets', 'families', `${name}.json`);
  const read = family.parse(JSON.parse(readFileSync(path, 'utf8')));
  loaded.set(name, read);
  return read;
}
