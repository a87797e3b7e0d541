import { add, type Code, constant, get, isBelow, mask, repeat, set, shiftLeft, whole64 } from './wasm-module.ts';
import { WasmProgram } from './wasm-program.ts';

/** CRC-64/NVME, the checksum that S3 keeps of whole objects: reflected, all ones before and after. */
const polynomial = 0x9a6c9329ac4bc9b5n;
const ones = 0xffff_ffff_ffff_ffffn;

/** Bytes of one step, and the tables for it: the table n is for a byte with n bytes behind it in the step. */
const stepBytes = 16;
const tableBytes = 256 * 8;
/** Addresses in the memory. */
const place = { tables: 0, crc: stepBytes * tableBytes, bytes: stepBytes * tableBytes + 4096 };
/** Bytes that are taken at once. */
const stagingBytes = 64 * 1024;

interface Exports {
  /** Takes the bytes from `data` to `end`, whole steps, into the CRC. */
  steps(data: number, end: number): void;
}

const [data, end, crc, first, second] = [0, 1, 2, 3, 4];

const program = new WasmProgram<Exports>(() => {
  const atCrc = constant(place.crc);
  const found = (word: number, byte: number, table: number): Code => {
    const index = mask(whole64.low(whole64.shiftRight(get(word), 8 * byte)), 255);
    return whole64.load(shiftLeft(index, 3), place.tables + table * tableBytes);
  };
  const bytes = [0, 1, 2, 3, 4, 5, 6, 7];
  const lookups = [
    ...bytes.map((byte) => found(second, byte, 7 - byte)),
    ...bytes.map((byte) => found(first, byte, stepBytes - 1 - byte)),
  ];
  const step = [
    ...set(first, whole64.xor(get(crc), whole64.load(get(data)))),
    ...set(second, whole64.load(get(data), 8)),
    ...set(crc, lookups.reduce(whole64.xor)),
    ...set(data, add(get(data), constant(stepBytes))),
  ];
  const body = [
    ...set(crc, whole64.load(atCrc)),
    ...repeat(step, isBelow(get(data), get(end))),
    ...whole64.store(atCrc, 0, get(crc)),
  ];
  return [{ name: 'steps', parameters: 2, locals: { i32: 0, v128: 0, i64: 3 }, body }];
});

/** A CRC-64/NVME over a stream. */
export class Crc64 {
  #crc = ones;
  readonly #kernel = kernel();

  update(bytes: Uint8Array): void {
    const { memory, view, exports } = this.#kernel;
    for (let at = 0; at < bytes.length; at += stagingBytes) {
      const part = bytes.subarray(at, at + stagingBytes);
      const whole = part.length - (part.length % stepBytes);
      if (whole > 0) {
        memory.set(part.subarray(0, whole), place.bytes);
        view.setBigUint64(place.crc, this.#crc, true);
        exports.steps(place.bytes, place.bytes + whole);
        this.#crc = view.getBigUint64(place.crc, true);
      }
      for (const byte of part.subarray(whole)) this.#crc = next(this.#crc, byte, view);
    }
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return hex(this.#crc ^ ones);
  }
}

/**
 * The CRC of two runs of bytes, one behind the other, from the CRC of each: the first one is moved by the length of the second, which is a
 * multiplication by x^(8 length) modulo the polynomial. As `crc32_combine` of zlib does it (crc32.c, `x2nmodp` and `multmodp`).
 * All ones before and after cancel out, as they do there.
 * @param first digest of the first run  @param length of the second run, bytes
 */
export function combineCrc64(first: string, second: string, length: number): string {
  const moved = multiplied(powerOfX(8n * BigInt(length)), BigInt(`0x${first}`));
  return hex(moved ^ BigInt(`0x${second}`));
}

/** Bits are reflected: the highest one is x^0. */
const one = 1n << 63n;
/** x^(2^n), by n. */
const squares: bigint[] = [one >> 1n];

/** x^n modulo the polynomial. */
function powerOfX(n: bigint): bigint {
  let power = one;
  for (let bit = 0; n >> BigInt(bit) > 0n; bit += 1) {
    const square = squares[bit] ?? multiplied(squares[bit - 1] ?? one, squares[bit - 1] ?? one);
    squares[bit] = square;
    if ((n >> BigInt(bit)) & 1n) power = multiplied(power, square);
  }
  return power;
}

/** The product of two polynomials modulo that of the CRC. */
function multiplied(a: bigint, b: bigint): bigint {
  let product = 0n;
  for (let power = b, bit = one; bit > 0n; bit >>= 1n) {
    if (a & bit) product ^= power;
    power = power & 1n ? (power >> 1n) ^ polynomial : power >> 1n;
  }
  return product;
}

function hex(crc: bigint): string {
  return crc.toString(16).padStart(16, '0');
}

interface Kernel {
  memory: Uint8Array<ArrayBuffer>;
  view: DataView;
  exports: Exports;
}

let shared: Kernel | undefined;

/** One for the thread: nothing stays in it between two calls. */
function kernel(): Kernel {
  if (shared) return shared;
  const instance = program.over(place.bytes + stagingBytes);
  if (!instance) throw new Error('this runtime has no WebAssembly');
  const view = new DataView(instance.bytes.buffer);
  fillTables(view);
  shared = { memory: instance.bytes, view, exports: instance.exports };
  return shared;
}

function fillTables(view: DataView): void {
  for (let byte = 0; byte < 256; byte += 1) {
    let value = BigInt(byte);
    for (let bit = 0; bit < 8; bit += 1) value = value & 1n ? (value >> 1n) ^ polynomial : value >> 1n;
    view.setBigUint64(place.tables + 8 * byte, value, true);
  }
  for (let table = 1; table < stepBytes; table += 1)
    for (let byte = 0; byte < 256; byte += 1) {
      const before = view.getBigUint64(place.tables + (table - 1) * tableBytes + 8 * byte, true);
      view.setBigUint64(place.tables + table * tableBytes + 8 * byte, next(before, 0, view), true);
    }
}

function next(value: bigint, byte: number, view: DataView): bigint {
  const index = Number(value & 255n) ^ byte;
  return view.getBigUint64(place.tables + 8 * index, true) ^ (value >> 8n);
}
