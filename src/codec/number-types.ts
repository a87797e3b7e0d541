/** Numbers that one file may have in one type and another file in another, by their names in safetensors. */
const numberTypes = ['F16', 'BF16', 'F32'] as const;
export type NumberType = (typeof numberTypes)[number];

/** Bytes of one number. */
export const bytesOf: Readonly<Record<NumberType, 2 | 4>> = { F16: 2, BF16: 2, F32: 4 };

export function isNumberType(type: string): type is NumberType {
  return (numberTypes as readonly string[]).includes(type);
}

/** The numbers in these bytes, which begin at a multiple of their size. */
export function numbersIn(type: NumberType, bytes: Uint8Array): Uint16Array | Uint32Array {
  const count = bytes.length / bytesOf[type];
  if (bytesOf[type] === 2) return new Uint16Array(bytes.buffer, bytes.byteOffset, count);
  return new Uint32Array(bytes.buffer, bytes.byteOffset, count);
}

/**
 * The same numbers in another type, as their bits: rounded to the nearest, halves to even, too large ones to infinity, as programs
 * convert models. What is no number has one form in fp16 and keeps its upper bits in bf16: the same input always gives the same bits.
 */
export function converted(numbers: Uint16Array | Uint32Array, from: NumberType, to: NumberType): Uint16Array | Uint32Array {
  if (from === to) return numbers;
  const wide = from === 'F32' ? numbers : widened(numbers, from);
  if (to === 'F32') return wide;
  const narrow = new Uint16Array(wide.length);
  // Two loops: with one, the function for each number would not be inlined.
  if (to === 'F16') for (let i = 0; i < wide.length; i++) narrow[i] = halfOf(wide[i] ?? 0);
  else for (let i = 0; i < wide.length; i++) narrow[i] = bfloatOf(wide[i] ?? 0);
  return narrow;
}

function widened(numbers: Uint16Array | Uint32Array, from: 'F16' | 'BF16'): Uint32Array {
  const wide = new Uint32Array(numbers.length);
  if (from === 'BF16') for (let i = 0; i < wide.length; i++) wide[i] = (numbers[i] ?? 0) << 16;
  else {
    const table = halves();
    for (let i = 0; i < wide.length; i++) wide[i] = table[numbers[i] ?? 0] ?? 0;
  }
  return wide;
}

let made: Uint32Array | undefined;

/** All numbers of fp16 in fp32, as their bits. */
function halves(): Uint32Array {
  made ??= Uint32Array.from({ length: 2 ** 16 }, (_, half) => {
    const [sign, exponent, mantissa] = [(half & 0x8000) << 16, (half >> 10) & 0x1f, half & 0x3ff];
    const bits = exponent === 0x1f ? 0x7f800000 : (exponent + 112) << 23;
    return sign | (exponent === 0 ? singleOf(mantissa * 2 ** -24) : bits | (mantissa << 13));
  });
  return made;
}

function singleOf(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] ?? 0;
}

/** Bits of a number in fp32 to those in fp16. */
function halfOf(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const size = bits & 0x7fffffff;
  // From that on it rounds to 65536 or more.
  if (size >= 0x38800000 && size < 0x477ff000) return sign | ((size - 0x38000000 + 0xfff + ((size >>> 13) & 1)) >>> 13);
  return sign | specialHalfOf(size);
}

/** The fp16 bits of a value outside the normal numbers of fp16, or of none. */
function specialHalfOf(size: number): number {
  if (size > 0x7f800000) return 0x7e00;
  if (size >= 0x477ff000) return 0x7c00;
  const exponent = size >>> 23;
  // Less than half of the smallest number.
  if (exponent < 102) return 0;
  const shift = 126 - exponent;
  const mantissa = (size & 0x7fffff) | 0x800000;
  return (mantissa + (1 << (shift - 1)) - 1 + ((mantissa >>> shift) & 1)) >>> shift;
}

/** Bits of a number in fp32 to those in bf16. */
function bfloatOf(bits: number): number {
  if ((bits & 0x7fffffff) > 0x7f800000) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}
