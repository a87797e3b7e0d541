import { CacheError } from '../core/errors.ts';
import type { SafetensorsHeader, Tensor } from '../weights/safetensors.ts';
import type { Architectures } from './architectures.ts';
import { type WideType, widthOf } from './number-memory.ts';
import type { Recipe } from './recipe.ts';

/** A tensor of numbers that the kernels read. */
export interface WideTensor extends Tensor {
  dtype: WideType;
}

/** The treatment of a tensor: `eight` and `sixteen` are number formats, unless its numbers do not fit. */
export type Step =
  | { how: 'keep'; tensor: Tensor }
  | { how: 'drop'; tensor: Tensor }
  | { how: 'sixteen'; tensor: WideTensor }
  | { how: 'eight'; tensor: WideTensor; rows: number; columns: number };

export interface VariantPlan {
  architecture: string;
  /** Steps in the order of the source's bytes. */
  steps: Step[];
  /** Size of the variant without its header, bytes: expected, and if no layer can be quantised. */
  expected: number;
  most: number;
}

/** The loaders' 8-bit multiplications need sides that are multiples of this. */
const side = 16;
/** Names and types of weights that are quantised already. */
const quantisedNames = /(^|\.)(scaled_fp8|comfy_quant|weight_scale|scale_weight)$/;
const eightBits = new Set(['F8_E4M3', 'F8_E5M2', 'I8', 'U8', 'F8_E8M0', 'F4']);

/**
 * Plans the treatment of each tensor.
 * @throws CacheError BAD_REQUEST when such a file has no variants, or it would save nothing
 */
export function planVariant(header: SafetensorsHeader, recipe: Recipe, architectures: Architectures): VariantPlan {
  const { tensors } = header;
  const found = architectures.detect(tensors.map(({ name }) => name));
  if (!found) {
    throw new CacheError('BAD_REQUEST', 'the names of its tensors are of no architecture that autocached knows', {
      hint: `known are ${architectures.names.join(', ')}; another one could break, so no variant is made of it`,
    });
  }
  if (recipe.to !== null) assertNotQuantised(header);
  const steps = tensors.map((tensor): Step => {
    if (recipe.dropUnused && found.isUnused(tensor.name)) return { how: 'drop', tensor };
    return stepFor(tensor, recipe, found.isLayer);
  });
  if (steps.every(({ how }) => how === 'keep')) {
    throw new CacheError('BAD_REQUEST', `a variant of this ${found.name} file would be as large as the file itself`, {
      hint: recipe.to === null ? 'it holds nothing that ComfyUI does not load' : 'its weights have that format already',
    });
  }
  const expected = steps.reduce((sum, step) => sum + bytesOf(step), 0);
  const most = steps.reduce((sum, step) => sum + Math.max(bytesOf(step), step.how === 'eight' ? lengthOf(step.tensor) : 0), 0);
  return { architecture: found.name, steps, expected, most };
}

/** @throws CacheError BAD_REQUEST */
function assertNotQuantised({ tensors, metadata }: SafetensorsHeader): void {
  const isOne = ({ name, dtype, shape }: Tensor) => quantisedNames.test(name) || (eightBits.has(dtype) && shape.length > 1);
  const [tensor] = tensors.filter(isOne);
  if (!tensor && metadata['_quantization_metadata'] === undefined) return;
  throw new CacheError(
    'BAD_REQUEST',
    `its weights are quantised already${tensor ? ` (${tensor.name}: ${tensor.dtype})` : ''}`,
    {
      hint: 'make the variant of the model in 16 or 32 bits',
    },
  );
}

function stepFor(tensor: Tensor, { to }: Recipe, isLayer: (name: string) => boolean): Step {
  const keep = { how: 'keep', tensor } as const;
  if (to === null || !isWide(tensor)) return keep;
  if (to === 'fp16' || to === 'bf16') {
    const isThere = tensor.dtype === (to === 'fp16' ? 'F16' : 'BF16');
    // Norms and biases are small, and some models want them exact.
    return isThere || tensor.shape.length < 2 ? keep : { how: 'sixteen', tensor };
  }
  const [rows = 0, columns = 0] = tensor.shape;
  const fits = tensor.shape.length === 2 && rows > 0 && columns > 0 && rows % side === 0 && columns % side === 0;
  return fits && isLayer(tensor.name) ? { how: 'eight', tensor, rows, columns } : keep;
}

function isWide(tensor: Tensor): tensor is WideTensor {
  return tensor.dtype === 'BF16' || tensor.dtype === 'F16' || tensor.dtype === 'F32';
}

/** Room for the scale of each row and the note on the format, bytes. */
const besideRows = 4;
export const noteBytes = 128;

function bytesOf(step: Step): number {
  if (step.how === 'drop') return 0;
  if (step.how === 'keep') return lengthOf(step.tensor);
  const numbers = lengthOf(step.tensor) / widthOf[step.tensor.dtype];
  return step.how === 'sixteen' ? 2 * numbers : numbers + besideRows * step.rows + noteBytes;
}

const lengthOf = ({ begin, end }: Tensor) => end - begin;
