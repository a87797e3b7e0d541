/**
 * Synthetic model weights: normally distributed, each tensor with its own standard deviation between 0.01 and 0.05 (log-uniform),
 * as in trained layers. Always the same for the same seed.
 */
export const weightTypes = ['BF16', 'F16', 'F32', 'F8_E4M3'] as const;
export type WeightType = (typeof weightTypes)[number];

const widths: Record<WeightType, number> = { BF16: 2, F16: 2, F32: 4, F8_E4M3: 1 };

export interface NamedTensor {
  name: string;
  dtype: string;
  /** Default: one dimension. */
  shape?: number[];
  bytes: Uint8Array;
}

/** One tensor. F8_E4M3 is scaled so that its largest value is the largest of the type, as quantisers do. */
export function makeTensor(dtype: WeightType, elements: number, seed: number): NamedTensor {
  const random = generator(seed);
  const deviation = 0.01 * 5 ** random();
  const values = new Float32Array(elements);
  // Box and Muller's transformation gives two at a time; a value beyond the end is dropped.
  for (let i = 0; i < elements; i += 2) {
    const radius = deviation * Math.sqrt(-2 * Math.log(1 - random()));
    const angle = 2 * Math.PI * random();
    values[i] = radius * Math.cos(angle);
    values[i + 1] = radius * Math.sin(angle);
  }
  return { name: `blocks.${seed}.weight`, dtype, bytes: encoders[dtype](values) };
}

/** A safetensors file. */
export function makeSafetensors(tensors: readonly NamedTensor[]): Uint8Array {
  let at = 0;
  const header: Record<string, unknown> = { __metadata__: { format: 'pt' } };
  for (const { name, dtype, shape, bytes } of tensors) {
    const elements = bytes.length / (widths[dtype as WeightType] ?? 1);
    header[name] = { dtype, shape: shape ?? [elements], data_offsets: [at, at + bytes.length] };
    at += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  return Buffer.concat([length, json, ...tensors.map(({ bytes }) => bytes)]);
}

/** A model of about `size` bytes. Tensors of 4 MiB repeat after 64 MiB: beyond the window of any compressor here. */
export function makeModel(dtype: WeightType, size: number): Uint8Array {
  const tensorBytes = 2 ** 22;
  const count = Math.max(1, Math.round(size / tensorBytes));
  const different = Array.from({ length: Math.min(16, count) }, (_, k) =>
    makeTensor(dtype, tensorBytes / widths[dtype], k + 1),
  );
  return makeSafetensors(
    Array.from({ length: count }, (_, k) => ({ ...different[k % 16], name: `blocks.${k}.weight` }) as NamedTensor),
  );
}

/**
 * A compact Real-ESRGAN upscaler of scale 1: input and output image have the same size, and all weights are used on the way. 144
 * MiB with 512 features and 16 layers.
 */
export function makeUpscaler({ seed, features, layers }: { seed: number; features: number; layers: number }): Uint8Array {
  const tensor = (name: string, shape: number[]): NamedTensor => {
    const elements = shape.reduce((product, length) => product * length, 1);
    return { ...makeTensor('F32', elements, seed), name, shape };
  };
  const conv = (at: number, out: number, from: number) => [
    tensor(`body.${at}.weight`, [out, from, 3, 3]),
    tensor(`body.${at}.bias`, [out]),
  ];
  const activation = (at: number) => tensor(`body.${at}.weight`, [features]);
  const inner = tensor('', [features, features, 3, 3]);
  const middle = Array.from({ length: layers }, (_, k) => [
    { ...inner, name: `body.${2 + 2 * k}.weight` },
    tensor(`body.${2 + 2 * k}.bias`, [features]),
    activation(3 + 2 * k),
  ]);
  return makeSafetensors([...conv(0, features, 3), activation(1), ...middle.flat(), ...conv(2 + 2 * layers, 3, features)]);
}

/** Numbers in a type, as `makeTensor` writes them. */
export const encoders: Record<WeightType, (values: Float32Array) => Uint8Array> = {
  F32: (values) => new Uint8Array(values.buffer),
  BF16: (values) => {
    const bits = new Uint32Array(values.buffer);
    return new Uint8Array(new Uint16Array(bits.map((b) => (b + 0x7fff + ((b >>> 16) & 1)) >>> 16)).buffer);
  },
  F16: (values) => new Uint8Array(new Uint16Array(smallFloats(values, 5, 10)).buffer),
  F8_E4M3: (values) => {
    const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    return new Uint8Array(
      smallFloats(
        values.map((value) => (value / largest) * 448),
        4,
        3,
      ),
    );
  },
};

/** The bits of the nearest numbers with this many exponent and mantissa bits; no value may exceed their range. */
function smallFloats(values: Float32Array, exponentBits: number, mantissaBits: number): Float32Array {
  const bias = 2 ** (exponentBits - 1) - 1;
  const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
  const powers = Float64Array.from({ length: 256 }, (_, exponent) => 2 ** (mantissaBits - (exponent - 127)));
  const sign = 2 ** (exponentBits + mantissaBits);
  return values.map((value, k) => {
    const exponent = Math.max(((bits[k] ?? 0) >>> 23) & 0xff, 128 - bias);
    const steps = roundToEven(Math.abs(value) * (powers[exponent] ?? 0));
    return (exponent - 127 + bias - 1) * 2 ** mantissaBits + steps + (value < 0 ? sign : 0);
  });
}

function roundToEven(value: number): number {
  const rounded = Math.round(value);
  return rounded - value === 0.5 && rounded % 2 === 1 ? rounded - 1 : rounded;
}

/** Numbers from 0 up to 1 (the generator known as mulberry32). */
function generator(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b9);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
