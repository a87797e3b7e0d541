import { isModelName } from '../weights/extensions.ts';
import { limits } from './limits.ts';
import type { AnalyzeOptions, ModelUse } from './types.ts';

/** True for a name that can only be a model file: one line, an extension of weights, and no address. */
export function looksLikeModel(name: string): boolean {
  return mayBeFileName(name) && isModelName(name);
}

/** False for texts that are hardly file names: several lines, quotes, addresses, too long. */
export function mayBeFileName(name: string): boolean {
  return name.length <= limits.nameLength && !/[\n\r<>"]|^[a-z]+:\/\//i.test(name);
}

const noModel = new Set([
  '',
  'none',
  '[none]',
  'null',
  'undefined',
  'pixel_space',
  'baked vae',
  'default',
  'auto',
  'disabled',
  'off',
]);

/** True for the words of model lists for "no file". */
export function isNoModel(name: string): boolean {
  return noModel.has(name.trim().toLowerCase());
}

/** Possible places of a file, most likely first. */
export type Places = readonly ModelName[];

export interface ModelName {
  category: string | null;
  name: string;
}

/** Names in `vae` that stand for files in `vae_approx`: ComfyUI's VAELoader. */
export interface VaeNames {
  tinyVaes: readonly string[];
  approximateVaes: readonly string[];
}

/** The files of a name in a category: mostly one; for the tiny autoencoders an encoder and a decoder. */
export function filesOf(place: ModelName, names: VaeNames): Places[] {
  const isVae = place.category === 'vae' || place.category === 'vae_approx';
  if (isVae && names.tinyVaes.includes(place.name)) return ['encoder', 'decoder'].map((half) => halfOf(place.name, half));
  if (isVae && names.approximateVaes.includes(place.name.replace(/\.[^.]+$/, ''))) {
    return [[{ category: 'vae_approx', name: place.name }, place]];
  }
  const detector = /^(bbox|segm)\/(.+)$/.exec(place.name);
  return [detector ? [place, { category: `ultralytics_${detector[1]}`, name: detector[2] ?? '' }] : [place]];
}

/** The names of one half: ComfyUI takes the first file with this beginning; the published ending comes first. */
function halfOf(name: string, half: string): ModelName[] {
  return ['pth', 'safetensors', 'pt', 'sft', 'ckpt', 'bin'].map((extension) => ({
    category: 'vae_approx',
    name: `${name}_${half}.${extension}`,
  }));
}

/** The first place with the file, else the likeliest. */
export function resolved(
  places: Places,
  { resolveName }: Pick<AnalyzeOptions, 'resolveName'>,
): Pick<ModelUse, 'category' | 'name' | 'path'> {
  for (const { category, name } of places) {
    const path = category === null ? null : (resolveName?.(category, name) ?? null);
    if (path !== null) return { category, name, path };
  }
  return { category: places[0]?.category ?? null, name: places[0]?.name ?? '', path: null };
}

/** A name without its folders. */
export function baseOf(name: string): string {
  return name.slice(name.lastIndexOf('/') + 1);
}
