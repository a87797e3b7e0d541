import {
  add,
  and,
  type Code,
  constant,
  float32,
  get,
  isBelow,
  load,
  load16To32,
  narrow16,
  narrow16Signed,
  narrow32,
  narrow32Signed,
  or,
  repeat,
  set,
  shiftLanes,
  store,
  type WasmFunction,
  whole32,
} from '../codec/wasm-module.ts';
import { WasmProgram } from '../codec/wasm-program.ts';

/** Takes addresses of the numbers, the target, the facts, and the end of the numbers; counts are multiples of 16. */
type Kernel = (numbers: number, target: number, facts: number, end: number) => void;

/**
 * Arithmetic on numbers of one format, 16 at a time. Rounding is to nearest, ties to even; sums are made in four lanes in a fixed
 * order, so that equal input gives equal figures on every machine.
 */
export interface RoundingKernels {
  /** Writes the largest magnitude to the facts, as bits of single precision. */
  scan: Kernel;
  /** Writes the numbers times the first fact to the target in the format, and their cost to the facts; the second fact reverts it. */
  toFp8: Kernel;
  toFp16: Kernel;
  toBf16: Kernel;
  /** The same, divided by the second fact. */
  toInt8: Kernel;
}

/** The kernels for single precision, and for bf16, which need not be widened first: that halves the memory traffic. */
export type NumberKernels = RoundingKernels & { [K in keyof RoundingKernels as `${K}OfBf16`]: Kernel } & {
  /** Writes fp16 numbers to the target in single precision. */
  widenF16: Kernel;
};

/** Offsets of the facts of a call, bytes. Results are four lanes each. */
export const factsAt = { factor: 0, scale: 4, largest: 16, power: 32, noise: 48, worst: 64, size: 80 } as const;

export const numberKernels = new WasmProgram<NumberKernels>(() => [
  widenF16(),
  ...kernelsFrom('', 4),
  ...kernelsFrom('OfBf16', 2),
]);

/** Bytes of a number: of single precision, or its upper half, which is bf16. */
type Width = 2 | 4;

function kernelsFrom(suffix: string, from: Width): WasmFunction[] {
  return [
    scan(`scan${suffix}`, from),
    toFloat({
      name: `toFp8${suffix}`,
      from,
      dropped: 20,
      rebias: 120 << 3,
      leastNormal: 0x3c800000,
      largest: 0x43e00000,
      bytes: 1,
    }),
    toFloat({
      name: `toFp16${suffix}`,
      from,
      dropped: 13,
      rebias: 112 << 10,
      leastNormal: 0x38800000,
      bytes: 2,
    }),
    toFloat({ name: `toBf16${suffix}`, from, dropped: 16, bytes: 2 }),
    toInt8(`toInt8${suffix}`, from),
  ];
}

const [numbers, target, facts, end] = [0, 1, 2, 3];
const parameters = 4;
const signBit = 0x80000000 | 0;
const magnitude = 0x7fffffff;
const exponentBits = 0x7f800000;

/** Numbers the vector locals of a function; `keep` makes one with an integer in every lane once, before the loop. */
class Vectors {
  #used = 0;
  readonly #kept = new Map<number, number>();

  next(): number {
    this.#used += 1;
    return parameters + this.#used - 1;
  }

  keep(value: number): Code {
    const own = this.#kept.get(value) ?? this.next();
    this.#kept.set(value, own);
    return get(own);
  }

  get count(): number {
    return this.#used;
  }

  get made(): Code {
    return [...this.#kept].flatMap(([value, own]) => set(own, whole32.fill(value)));
  }
}

interface Loop {
  name: string;
  /** Bytes of one number at `numbers`, and of one at `target`. */
  from: number;
  to: number;
  vectors: Vectors;
  body: Code;
  before?: Code;
  after?: Code;
}

function loop({ name, from, to, vectors, body, before = [], after = [] }: Loop): WasmFunction {
  const next = [...set(numbers, add(get(numbers), constant(16 * from))), ...set(target, add(get(target), constant(16 * to)))];
  const repeated = repeat([...body, ...next], isBelow(get(numbers), get(end)));
  const locals = { i32: 0, v128: vectors.count };
  return { name, parameters, locals, body: [...vectors.made, ...before, ...repeated, ...after] };
}

/** A step of the loop takes four vectors of numbers. */
const quarters = [0, 1, 2, 3] as const;
type Quarter = (typeof quarters)[number];

function fourVectors(vectors: Vectors): Record<Quarter, number> {
  return { 0: vectors.next(), 1: vectors.next(), 2: vectors.next(), 3: vectors.next() };
}

function numbersAt(quarter: number, from: Width): Code {
  if (from === 4) return load(get(numbers), 16 * quarter);
  return shiftLanes.left(4, load16To32(get(numbers), 8 * quarter), 16);
}

/** Widens fp16: exponent and mantissa in their new places make a number too small by a power of two, which is exact to correct. */
function widenF16(): WasmFunction {
  const vectors = new Vectors();
  const [half, bits] = [vectors.next(), vectors.next()];
  const keep = (value: number) => vectors.keep(value);
  const infinite = and(whole32.isAbove(get(bits), keep(0x0f7fffff)), keep(exponentBits));
  const body = quarters.flatMap((quarter) => [
    ...set(half, load16To32(get(numbers), 8 * quarter)),
    ...set(bits, shiftLanes.left(4, and(get(half), keep(0x7fff)), 13)),
    ...store(
      get(target),
      16 * quarter,
      or(
        or(float32.multiply(get(bits), keep((127 + 112) << 23)), infinite),
        shiftLanes.left(4, and(get(half), keep(0x8000)), 16),
      ),
    ),
  ]);
  return loop({ name: 'widenF16', from: 2, to: 4, vectors, body });
}

function scan(name: string, from: Width): WasmFunction {
  const vectors = new Vectors();
  const largest = vectors.next();
  const body = quarters.flatMap((quarter) =>
    set(largest, whole32.larger(get(largest), and(numbersAt(quarter, from), vectors.keep(magnitude)))),
  );
  return loop({ name, from, to: 0, vectors, body, after: store(get(facts), factsAt.largest, get(largest)) });
}

interface FloatFormat {
  name: string;
  from: Width;
  /** Number of mantissa bits that it lacks. */
  dropped: number;
  /** Difference of the exponents' biases in the place of its exponent; left out where it has the exponents of single precision. */
  rebias?: number;
  /** Its smallest normal number, as bits of single precision. */
  leastNormal?: number;
  /** The largest magnitude, to which larger ones are clamped. */
  largest?: number;
  bytes: 1 | 2;
}

function toFloat({ name, from, dropped, rebias, leastNormal = 0, largest, bytes }: FloatFormat): WasmFunction {
  const vectors = new Vectors();
  const keep = (value: number) => vectors.keep(value);
  const cost = new Cost(vectors);
  const [factor, given, size, rounded] = [vectors.next(), vectors.next(), vectors.next(), vectors.next()];
  const [power, lifted] = [vectors.next(), vectors.next()];
  const codes = fourVectors(vectors);
  const half = (1 << (dropped - 1)) - 1;
  const body = quarters.flatMap((quarter) => {
    const taken = [
      ...set(given, numbersAt(quarter, from)),
      ...cost.take(float32.abs(get(given))),
      ...set(size, float32.multiply(get(cost.number), get(factor))),
      ...(largest === undefined ? [] : set(size, float32.smaller(keep(largest), get(size)))),
    ];
    const sign = shiftLanes.right(4, and(get(given), keep(signBit)), 32 - 8 * bytes);
    if (rebias === undefined) {
      const odd = and(shiftLanes.right(4, get(size), dropped), keep(1));
      return [
        ...taken,
        ...set(rounded, whole32.add(whole32.add(get(size), keep(half)), odd)),
        ...set(codes[quarter], or(shiftLanes.right(4, get(rounded), dropped), sign)),
        ...cost.note(and(get(rounded), keep((-1 << dropped) | 0))),
      ];
    }
    // After adding a larger power of two a number keeps only the format's digits: the addition itself rounds.
    const exponent = whole32.subtract(shiftLanes.right(4, get(power), dropped), keep(rebias + (1 << (23 - dropped))));
    return [
      ...taken,
      ...set(power, whole32.larger(and(get(size), keep(exponentBits)), keep(leastNormal))),
      ...set(lifted, whole32.add(get(power), keep(dropped << 23))),
      ...set(rounded, float32.add(get(size), get(lifted))),
      ...set(codes[quarter], or(whole32.add(whole32.subtract(get(rounded), get(lifted)), exponent), sign)),
      ...cost.note(float32.subtract(get(rounded), get(lifted))),
    ];
  });
  const [first, second] = [narrow32(get(codes[0]), get(codes[1])), narrow32(get(codes[2]), get(codes[3]))];
  const inPairs = () => [...store(get(target), 0, first), ...store(get(target), 16, second)];
  const stored = bytes === 2 ? inPairs() : store(get(target), 0, narrow16(first, second));
  const before = [...set(factor, float32.loadFour(get(facts), factsAt.factor)), ...cost.before];
  return loop({ name, from, to: bytes, vectors, body: [...body, ...stored], before, after: cost.after });
}

function toInt8(name: string, from: Width): WasmFunction {
  const vectors = new Vectors();
  const keep = (value: number) => vectors.keep(value);
  const cost = new Cost(vectors);
  const wholes = fourVectors(vectors);
  const [least, most] = [0xc3000000 | 0, 0x42fe0000];
  const body = quarters.flatMap((quarter) => [
    ...cost.take(numbersAt(quarter, from)),
    ...set(
      wholes[quarter],
      float32.smaller(
        float32.larger(float32.nearest(float32.divide(get(cost.number), get(cost.scale))), keep(least)),
        keep(most),
      ),
    ),
    ...cost.note(get(wholes[quarter])),
  ]);
  const code = (quarter: Quarter) => float32.toWhole(get(wholes[quarter]));
  const [first, second] = [narrow32Signed(code(0), code(1)), narrow32Signed(code(2), code(3))];
  const stored = store(get(target), 0, narrow16Signed(first, second));
  return loop({ name, from, to: 1, vectors, body: [...body, ...stored], before: cost.before, after: cost.after });
}

/** The cost of rounding: the power of the numbers, that of the errors, and the largest error. */
class Cost {
  readonly number: number;
  readonly scale: number;
  readonly #power: number;
  readonly #noise: number;
  readonly #worst: number;
  readonly #error: number;

  constructor(vectors: Vectors) {
    [this.number, this.scale, this.#error] = [vectors.next(), vectors.next(), vectors.next()];
    [this.#power, this.#noise, this.#worst] = [vectors.next(), vectors.next(), vectors.next()];
  }

  get before(): Code {
    return set(this.scale, float32.loadFour(get(facts), factsAt.scale));
  }

  /** Takes numbers, or their magnitudes. */
  take(taken: Code): Code {
    return set(this.number, taken);
  }

  /** @param value the rounded number in the format, before the scale is reverted */
  note(value: Code): Code {
    const square = (local: number) => float32.multiply(get(local), get(local));
    return [
      ...set(this.#error, float32.subtract(get(this.number), float32.multiply(value, get(this.scale)))),
      ...set(this.#power, float32.add(get(this.#power), square(this.number))),
      ...set(this.#noise, float32.add(get(this.#noise), square(this.#error))),
      ...set(this.#worst, float32.larger(get(this.#worst), float32.abs(get(this.#error)))),
    ];
  }

  get after(): Code {
    const put = (at: number, local: number) => store(get(facts), at, get(local));
    return [...put(factsAt.power, this.#power), ...put(factsAt.noise, this.#noise), ...put(factsAt.worst, this.#worst)];
  }
}
