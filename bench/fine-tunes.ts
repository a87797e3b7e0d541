/**
 * Libraries of models that have much in common, from the public shapes of SDXL, with fewer layers so that they are made in seconds:
 * fine-tunes that share text encoders and VAE, twins in two types, LoRAs. Values are as in `weights.ts`.
 */
import { converted, type NumberType, numbersIn } from '../src/codec/number-types.ts';
import { encoders, makeSafetensors, makeTensor, type NamedTensor, type WeightType } from './weights.ts';

export interface SampleModel {
  name: string;
  bytes: Uint8Array;
}

type Shapes = Record<string, number[]>;

/** The parts of an SDXL checkpoint at about their proportion, 74 to 26. */
const unetShapes: Shapes = {
  ...underPrefix('model.diffusion_model.', {
    'input_blocks.1.0.in_layers.2.weight': [320, 320, 3, 3],
    'input_blocks.1.0.in_layers.2.bias': [320],
    'time_embed.0.weight': [1280, 320],
    'out.2.weight': [4, 320, 3, 3],
  }),
  ...transformer('model.diffusion_model.input_blocks.4.1.transformer_blocks.0.', 640),
  ...transformer('model.diffusion_model.input_blocks.5.1.transformer_blocks.0.', 640),
};
const encoderShapes: Shapes = {
  ...underPrefix('conditioner.embedders.0.transformer.text_model.encoder.layers.0.', {
    'self_attn.q_proj.weight': [768, 768],
    'self_attn.k_proj.weight': [768, 768],
    'self_attn.v_proj.weight': [768, 768],
    'self_attn.out_proj.weight': [768, 768],
    'mlp.fc1.weight': [3072, 768],
    'mlp.fc1.bias': [3072],
    'mlp.fc2.weight': [768, 3072],
  }),
};
const vaeShapes: Shapes = underPrefix('first_stage_model.', { 'decoder.mid.attn_1.q.weight': [512, 512, 1, 1] });

function transformer(prefix: string, width: number): Shapes {
  const attention = (name: string, context: number): Shapes => ({
    [`${name}.to_q.weight`]: [width, width],
    [`${name}.to_k.weight`]: [width, context],
    [`${name}.to_v.weight`]: [width, context],
    [`${name}.to_out.0.weight`]: [width, width],
    [`${name}.to_out.0.bias`]: [width],
  });
  return underPrefix(prefix, {
    ...attention('attn1', width),
    ...attention('attn2', 2048),
    'ff.net.0.proj.weight': [8 * width, width],
    'ff.net.0.proj.bias': [8 * width],
    'ff.net.2.weight': [width, 4 * width],
    'norm1.weight': [width],
  });
}

function underPrefix(prefix: string, shapes: Shapes): Shapes {
  return Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [prefix + name, shape]));
}

function tensorsOf(shapes: Shapes, dtype: WeightType, seed: number): NamedTensor[] {
  return Object.entries(shapes).map(([name, shape], k) => {
    const elements = shape.reduce((product, length) => product * length, 1);
    return { ...makeTensor(dtype, elements, seed + k), name, shape };
  });
}

/**
 * A checkpoint and fine-tunes of it.
 * @param changes of each fine-tune: the deviation of the noise added to a tensor, as a share of the tensor's own
 * @param trains whether a fine-tune changes the text encoder and the VAE too
 */
export function checkpoints(dtype: NumberType, changes: readonly number[], { trains = false } = {}): SampleModel[] {
  const unet = tensorsOf(unetShapes, dtype, 1000);
  const others = tensorsOf({ ...encoderShapes, ...vaeShapes }, dtype, 2000);
  const all = [unet, ...changes.map((change, k) => unet.map((tensor) => changed(tensor, change, k + 1)))];
  return all.map((own, k) => {
    const change = changes[k - 1];
    const rest = trains && change !== undefined ? others.map((tensor) => changed(tensor, change, k)) : others;
    return { name: k === 0 ? 'base' : `fine-tune-${k}`, bytes: makeSafetensors([...rest, ...own]) };
  });
}

/** The same numbers of fp32 in several types. */
export function twins(...types: NumberType[]): SampleModel[] {
  const full = tensorsOf({ ...encoderShapes, ...vaeShapes }, 'F32', 3000);
  return types.map((dtype) => {
    const tensors = full.map((tensor): NamedTensor => ({ ...tensor, dtype, bytes: encoders[dtype](floatsOf(tensor)) }));
    return { name: dtype, bytes: makeSafetensors(tensors) };
  });
}

/** LoRAs of rank 16 over the same layers, which have nothing else in common. */
export function loras(count: number): SampleModel[] {
  return Array.from({ length: count }, (_, k) => {
    const shapes = Object.entries(unetShapes).flatMap(([name, shape]) => {
      const [out, input] = shape;
      if (shape.length !== 2 || out === undefined || input === undefined) return [];
      const key = `lora_unet_${name.replaceAll('.', '_')}`;
      return [[`${key}.lora_down.weight`, [16, input]] as const, [`${key}.lora_up.weight`, [out, 16]] as const];
    });
    return { name: `lora-${k}`, bytes: makeSafetensors(tensorsOf(Object.fromEntries(shapes), 'F16', 4000 + 100 * k)) };
  });
}

/** The tensor with noise added to each of its numbers. */
export function changed(tensor: NamedTensor, change: number, seed: number): NamedTensor {
  const values = floatsOf(tensor);
  const squares = values.reduce((sum, value) => sum + value * value, 0);
  const deviation = Math.sqrt(squares / values.length) * change;
  const noise = noiseOf(seed, values.length);
  const own = Math.sqrt(noise.reduce((sum, value) => sum + value * value, 0) / noise.length);
  const sums = values.map((value, k) => value + ((noise[k] ?? 0) / own) * deviation);
  return { ...tensor, bytes: encoders[tensor.dtype as WeightType](sums) };
}

/** Noise by seed; a shorter one is the beginning of a longer one. */
const noises = new Map<number, Float32Array>();

function noiseOf(seed: number, count: number): Float32Array {
  const known = noises.get(seed);
  const noise = known && known.length >= count ? known : floatsOf(makeTensor('F32', count, 77_000 + seed));
  noises.set(seed, noise);
  return noise.subarray(0, count);
}

function floatsOf({ dtype, bytes }: NamedTensor): Float32Array {
  const type = dtype as NumberType;
  const wide = converted(numbersIn(type, new Uint8Array(bytes)), type, 'F32');
  return new Float32Array(wide.buffer, wide.byteOffset, wide.length);
}
