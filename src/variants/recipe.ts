import { CacheError } from '../core/errors.ts';
import { type VariantForm, variantForms } from '../core/types.ts';

/** How a variant is made. Equal source and recipe give equal bytes. */
export interface Recipe {
  /** Null = the weights stay unchanged. */
  to: VariantForm | null;
  /** Whether the loader may round activations to 8 bits too, which is faster on newer GPUs and costs quality. */
  fastMatmul: boolean;
  /** Whether tensors that ComfyUI never loads are omitted. */
  dropUnused: boolean;
}

/** Grows when the same recipe gives other bytes. */
export const recipeVersion = 1;

/** Files that variants are made of. */
const ending = /\.(safetensors|sft)$/i;
const ownEnding = /\.autocached-[a-z\d-]+\.safetensors$/i;

/** Whether a file of that base name is a variant. */
export function isVariantName(name: string): boolean {
  return ownEnding.test(name);
}

/** The part of a file's name that names a recipe: `fp8`, `fp8-fast`, `auto8-trimmed`, `trimmed`. */
export function formName({ to, fastMatmul, dropUnused }: Recipe): string {
  return [to, fastMatmul ? 'fast' : null, dropUnused ? 'trimmed' : null].filter(Boolean).join('-');
}

/**
 * The base name of a variant.
 * @param source base name of the file it is made of
 * @throws CacheError BAD_REQUEST when no variant can be made of it, or by that recipe
 */
export function variantName(source: string, recipe: Recipe): string {
  if (recipe.to === null && !recipe.dropUnused) {
    throw bad('a variant needs a format or something to leave out', `--to ${variantForms.join('|')}, --drop-unused, or both`);
  }
  const isEight = recipe.to === 'auto8' || recipe.to === 'fp8' || recipe.to === 'int8';
  if (recipe.fastMatmul && !isEight)
    throw bad('fast matrix multiplication is for formats of 8 bits', '--to auto8, fp8 or int8');
  if (isVariantName(source)) throw bad(`${source} is a variant already`, 'make one of the model it was made of');
  if (!ending.test(source)) throw bad(`${source} is no .safetensors file`, 'variants are made of safetensors files only');
  return `${source.replace(ending, '')}.autocached-${formName(recipe)}.safetensors`;
}

function bad(message: string, hint: string): CacheError {
  return new CacheError('BAD_REQUEST', message, { hint });
}
