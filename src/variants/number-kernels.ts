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
  select,
  set,
  shiftLanes,
  store,
  type WasmFunction,
  whole32,
} from '../codec/wasm-module.ts';
import { WasmProgram } from '../codec/wasm-program.ts';

/**
 * Arithmetic on numbers of single precision, 16 at a time, for the number formats of variants. Every function takes addresses: the
 * numbers, the target, the facts, and the end of the numbers; counts are multiples of 16. Rounding is to the nearest, halves to even;
 * sums are made in four lanes in a fixed order, so that equal input gives equal figures on every machine.
 */
export interface NumberKernels {
  /** The target gets the numbers of two bytes from `numbers` in single precision. */
  widenBf16(numbers: number, target: number, facts: number, end: number): void;
  widenF16(numbers: number, target: number, facts: number, end: number): void;
  /** Facts get the largest magnitude, as bits. */
  scan(numbers: number, target: number, facts: number, end: number): void;
  /** The target gets the numbers in the format, times the first fact; the second takes them back. Facts get what that costs. */
  toFp8(numbers: number, target: number, facts: number, end: number): void;
  toFp16(numbers: number, target: number, facts: number, end: number): void;
  toBf16(numbers: number, target: number, facts: number, end: number): void;
  /** The same, divided by the second fact. */
  toInt8(numbers: number, target: number, facts: number, end: number): void;
}

/** Where the facts of a call lie, bytes. Results are four lanes each. */
export const factsAt = { factor: 0, scale: 4, largest: 16, power: 32, noise: 48, worst: 64, size: 80 } as const;

export const numberKernels = new WasmProgram<NumberKernels>(() => [
  widenBf16(),
  widenF16(),
  scan(),
  // The shift drops the bits of the mantissa that the format lacks. `magic` has its last place where the format's subnormals have theirs.
  toFloat({
    name: 'toFp8',
    dropped: 20,
    rebias: 120 << 3,
    leastNormal: 0x3c800000,
    magic: 0x46800000,
    largest: 0x43e00000,
    bytes: 1,
  }),
  toFloat({ name: 'toFp16', dropped: 13, rebias: 112 << 10, leastNormal: 0x38800000, magic: 0x3f000000, bytes: 2 }),
  toFloat({ name: 'toBf16', dropped: 16, bytes: 2 }),
  toInt8(),
]);

const [numbers, target, facts, end] = [0, 1, 2, 3];
const parameters = 4;
const signBit = 0x80000000 | 0;
const magnitude = 0x7fffffff;

/** Numbers the vectors of a function; `keep` makes one with an integer in every lane once, before the loop. */
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

function widenBf16(): WasmFunction {
  const body = quarters.flatMap((quarter) =>
    store(get(target), 16 * quarter, shiftLanes.left(4, load16To32(get(numbers), 8 * quarter), 16)),
  );
  return loop({ name: 'widenBf16', from: 2, to: 4, vectors: new Vectors(), body });
}

/** The bits of exponent and mantissa in their new places are a number that is too small by a power of two; that is exact. */
function widenF16(): WasmFunction {
  const vectors = new Vectors();
  const [half, bits] = [vectors.next(), vectors.next()];
  const keep = (value: number) => vectors.keep(value);
  const infinite = and(whole32.isAbove(get(bits), keep(0x0f7fffff)), keep(0x7f800000));
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

function scan(): WasmFunction {
  const vectors = new Vectors();
  const largest = vectors.next();
  const body = quarters.flatMap((quarter) =>
    set(largest, whole32.larger(get(largest), and(load(get(numbers), 16 * quarter), vectors.keep(magnitude)))),
  );
  return loop({ name: 'scan', from: 4, to: 0, vectors, body, after: store(get(facts), factsAt.largest, get(largest)) });
}

interface FloatFormat {
  name: string;
  /** Bits of the mantissa that it lacks. */
  dropped: number;
  /** Difference of the exponents' biases in the place of its exponent; left out where it has the exponents of single precision. */
  rebias?: number;
  /** Bits of single precision: its least normal number, and one whose last place is that of its subnormal numbers. */
  leastNormal?: number;
  magic?: number;
  /** The largest magnitude, to which larger ones are set. */
  largest?: number;
  bytes: 1 | 2;
}

function toFloat({ name, dropped, rebias, leastNormal = 0, magic = 0, largest, bytes }: FloatFormat): WasmFunction {
  const vectors = new Vectors();
  const keep = (value: number) => vectors.keep(value);
  const cost = new Cost(vectors);
  const [factor, scaled, size, rounded] = [vectors.next(), vectors.next(), vectors.next(), vectors.next()];
  const [below, isBelowNormal] = [vectors.next(), vectors.next()];
  const codes = fourVectors(vectors);
  const half = (1 << (dropped - 1)) - 1;
  const body = quarters.flatMap((quarter) => {
    const sign = and(get(scaled), keep(signBit));
    const odd = and(shiftLanes.right(4, get(size), dropped), keep(1));
    const normal = [
      ...cost.take(quarter),
      ...set(scaled, float32.multiply(get(cost.number), get(factor))),
      ...set(size, float32.abs(get(scaled))),
      ...(largest === undefined ? [] : set(size, float32.smaller(keep(largest), get(size)))),
      ...set(rounded, whole32.add(whole32.add(get(size), keep(half)), odd)),
    ];
    const code = shiftLanes.right(4, get(rounded), dropped);
    const value = and(get(rounded), keep((-1 << dropped) | 0));
    const withSign = (bits: Code) => or(bits, shiftLanes.right(4, sign, 32 - 8 * bytes));
    if (rebias === undefined) {
      return [...normal, ...set(codes[quarter], withSign(code)), ...cost.note(or(value, sign))];
    }
    return [
      ...normal,
      ...set(below, float32.add(get(size), keep(magic))),
      ...set(isBelowNormal, float32.isBelow(get(size), keep(leastNormal))),
      ...set(
        codes[quarter],
        withSign(select(whole32.subtract(get(below), keep(magic)), whole32.subtract(code, keep(rebias)), get(isBelowNormal))),
      ),
      ...cost.note(or(select(float32.subtract(get(below), keep(magic)), value, get(isBelowNormal)), sign)),
    ];
  });
  const [first, second] = [narrow32(get(codes[0]), get(codes[1])), narrow32(get(codes[2]), get(codes[3]))];
  const inPairs = () => [...store(get(target), 0, first), ...store(get(target), 16, second)];
  const stored = bytes === 2 ? inPairs() : store(get(target), 0, narrow16(first, second));
  const before = [...set(factor, float32.loadFour(get(facts), factsAt.factor)), ...cost.before];
  return loop({ name, from: 4, to: bytes, vectors, body: [...body, ...stored], before, after: cost.after });
}

function toInt8(): WasmFunction {
  const vectors = new Vectors();
  const keep = (value: number) => vectors.keep(value);
  const cost = new Cost(vectors);
  const wholes = fourVectors(vectors);
  const [least, most] = [0xc3000000 | 0, 0x42fe0000];
  const body = quarters.flatMap((quarter) => [
    ...cost.take(quarter),
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
  return loop({ name: 'toInt8', from: 4, to: 1, vectors, body: [...body, ...stored], before: cost.before, after: cost.after });
}

/** What rounding costs: the power of the numbers, that of the errors, and the largest error. */
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

  take(quarter: number): Code {
    return set(this.number, load(get(numbers), 16 * quarter));
  }

  /** @param value what the format holds for the number, before the scale takes it back */
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
