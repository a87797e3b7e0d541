import { CacheError, toCacheError } from '../core/errors.ts';
import type { SourceFile } from '../core/types.ts';
import { Architectures } from '../variants/architectures.ts';
import { headerRoom } from '../variants/layout.ts';
import { planVariant } from '../variants/plan.ts';
import type { Recipe } from '../variants/recipe.ts';
import { parseSafetensors, safetensorsJsonSize } from '../weights/safetensors.ts';

/** Reads the first bytes of a source. @throws CacheError */
export type ReadHead = (file: SourceFile, bytes: number) => Promise<Uint8Array>;

/** Size of the first read, bytes: one read is enough for most headers. */
const firstBytes = 256 * 1024;

/**
 * Plans a variant by its model's header: an unsuitable model is refused before anything is copied.
 * @returns expected and maximum size of the variant, bytes
 * @throws CacheError CORRUPT or BAD_REQUEST for such a model, and as `head`
 */
export async function foreseeVariant(
  file: SourceFile,
  recipe: Recipe,
  head: ReadHead,
): Promise<{ expected: number; most: number }> {
  const { size } = file.fingerprint;
  const start = await head(file, Math.min(firstBytes, size));
  const jsonSize = safetensorsJsonSize(start, size);
  if (jsonSize === null) throw new CacheError('CORRUPT', `${file.path} does not begin as a safetensors file`);
  const whole = start.length >= 8 + jsonSize ? start : await head(file, 8 + jsonSize);
  try {
    const header = parseSafetensors(whole.subarray(0, 8 + jsonSize), size);
    const plan = planVariant(header, recipe, new Architectures());
    const room = headerRoom(plan, header.metadata);
    return { expected: room + plan.expected, most: room + plan.most };
  } catch (error) {
    const { code, message, hint } = toCacheError(error);
    throw new CacheError(code, `no variant of ${file.path}: ${message}`, { cause: error, ...(hint !== null && { hint }) });
  }
}
