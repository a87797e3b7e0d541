/**
 * A very small WebAssembly assembler with only the instructions of this room's kernels, as functions that return bytes. Arguments
 * are code, so an expression is written as it is read: `store(i, add(get(a), get(b)))`. The module is built from readable source
 * when it is first used, so the repository holds no binary that must be trusted.
 *
 * Encodings: WebAssembly core specification 2.0, chapter 5 (binary format), including the 128-bit vector instructions.
 */

export type Code = readonly number[];

export interface WasmFunction {
  name: string;
  /** Every function takes this many i32 and returns nothing. */
  parameters: number;
  /** Further local variables, numbered after the parameters: first the i32, then the v128, then the i64. */
  locals: { i32: number; v128: number; i64?: number };
  body: Code;
}

const i32 = 0x7f;
const i64 = 0x7e;
const v128 = 0x7b;

export const get = (local: number): Code => [0x20, ...unsigned(local)];
export const set = (local: number, value: Code): Code => [...value, 0x21, ...unsigned(local)];
export const constant = (value: number): Code => [0x41, ...signed(value)];
export const add = (a: Code, b: Code): Code => [...a, ...b, 0x6a];
export const multiply = (a: Code, b: Code): Code => [...a, ...b, 0x6c];
export const shiftRight = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x76];
export const shiftLeft = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x74];
export const mask = (a: Code, bits: number): Code => [...a, ...constant(bits), 0x71];
export const isBelow = (a: Code, b: Code): Code => [...a, ...b, 0x49];
/** Stores the low byte of `value`. */
export const storeByte = (address: Code, value: Code): Code => [...address, ...value, 0x3a, 0, 0];
/** Runs `body` and repeats it while `condition` holds after it. */
export const repeat = (body: Code, condition: Code): Code => [0x03, 0x40, ...body, ...condition, 0x0d, 0, 0x0b];

/** One integer of eight bytes. */
export const whole64 = {
  load: (address: Code, offset = 0): Code => [...address, 0x29, 0, ...unsigned(offset)],
  store: (address: Code, offset: number, value: Code): Code => [...address, ...value, 0x37, 0, ...unsigned(offset)],
  xor: (a: Code, b: Code): Code => [...a, ...b, 0x85],
  shiftRight: (a: Code, bits: number): Code => [...a, 0x42, ...signed(bits), 0x88],
  /** Its lower four bytes. */
  low: (a: Code): Code => [...a, 0xa7],
};

/** 16 bytes at `address + offset`. */
export const load = (address: Code, offset = 0): Code => [...address, ...vector(0x00), 0, ...unsigned(offset)];
export const store = (address: Code, offset: number, value: Code): Code =>
  [address, value, vector(0x0b), [0], unsigned(offset)].flat();
/** The bytes at the indices in `lanes`: 0 to 15 of `a`, 16 to 31 of `b`. */
export const shuffle = (a: Code, b: Code, lanes: readonly number[]): Code => [...a, ...b, ...vector(0x0d), ...lanes];
export const fill8 = (value: Code): Code => [...value, ...vector(0x0f)];
export const equal8 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x23)];
export const and = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x4e)];
export const or = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x50)];
/** 1 when any bit of the vector is set. */
export const any = (a: Code): Code => [...a, ...vector(0x53)];
export const add8 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x6e)];
export const subtract8 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x71)];
export const min8 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x77)];

/** Four integers of two bytes without sign, as four of four bytes. */
export const load16To32 = (address: Code, offset = 0): Code => [...address, ...vector(0x04), 0, ...unsigned(offset)];
/** Two vectors of four-byte lanes as one of two-byte lanes without sign; too large ones become the largest. */
export const narrow32 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x86)];
/** Two vectors of two-byte lanes as one of bytes, with or without sign. */
export const narrow16 = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x66)];
export const narrow16Signed = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x65)];
export const narrow32Signed = (a: Code, b: Code): Code => [...a, ...b, ...vector(0x85)];

/** Four integers of four bytes. */
export const whole32 = {
  fill: (value: number): Code => [...constant(value), ...vector(0x11)],
  add: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xae)],
  subtract: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xb1)],
  isAbove: (a: Code, b: Code): Code => [...a, ...b, ...vector(0x3b)],
  larger: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xb8)],
};

/** Four numbers of single precision. */
export const float32 = {
  /** The number at an address, four times. */
  loadFour: (address: Code, offset = 0): Code => [...address, ...vector(0x09), 0, ...unsigned(offset)],
  abs: (a: Code): Code => [...a, ...vector(0xe0)],
  add: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xe4)],
  subtract: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xe5)],
  multiply: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xe6)],
  divide: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xe7)],
  smaller: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xea)],
  larger: (a: Code, b: Code): Code => [...a, ...b, ...vector(0xeb)],
  /** Rounded to a whole number, halves to the even one. */
  nearest: (a: Code): Code => [...a, ...vector(0x6a)],
  toWhole: (a: Code): Code => [...a, ...vector(0xf8)],
};

/** Shifts of every lane; to the right, zeros come in. */
export const shiftLanes = {
  left: (width: 1 | 2 | 4, a: Code, bits: number): Code => [
    ...a,
    ...constant(bits),
    ...vector({ 1: 0x6b, 2: 0x8b, 4: 0xab }[width]),
  ],
  right: (width: 1 | 2 | 4, a: Code, bits: number): Code => [
    ...a,
    ...constant(bits),
    ...vector({ 1: 0x6d, 2: 0x8d, 4: 0xad }[width]),
  ],
};

/** A module that exports `functions` and imports its memory as `env.memory`. */
export function assemble(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const indices = functions.map((_, index) => unsigned(index));
  return Uint8Array.from([
    ...[0x00, ...ascii('asm'), 1, 0, 0, 0],
    ...section(1, functions.map(type)),
    ...section(2, [[...text('env'), ...text('memory'), 0x02, 0x00, ...unsigned(1)]]),
    ...section(3, indices),
    ...section(
      7,
      functions.map((f, index) => [...text(f.name), 0x00, ...unsigned(index)]),
    ),
    ...section(10, functions.map(code)),
  ]);
}

const type = (f: WasmFunction): Code => [0x60, ...list(Array.from({ length: f.parameters }, () => [i32])), 0];

function code(f: WasmFunction): Code {
  const locals = list([
    [...unsigned(f.locals.i32), i32],
    [...unsigned(f.locals.v128), v128],
    [...unsigned(f.locals.i64 ?? 0), i64],
  ]);
  return sized([...locals, ...f.body, 0x0b]);
}

const section = (id: number, items: Code[]): Code => [id, ...sized(list(items))];
const list = (items: readonly Code[]): Code => [...unsigned(items.length), ...items.flat()];
const sized = (bytes: Code): Code => [...unsigned(bytes.length), ...bytes];
const text = (name: string): Code => sized(ascii(name));
const ascii = (name: string): Code => [...name].map((letter) => letter.charCodeAt(0));
const vector = (opcode: number): Code => [0xfd, ...unsigned(opcode)];

/** LEB128, the format's integer encoding: seven bits a byte, low bits first, the top bit set when more follow. */
function unsigned(value: number): Code {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

function signed(value: number): Code {
  return value >= -0x40 && value < 0x40 ? [value & 0x7f] : [(value & 0x7f) | 0x80, ...signed(value >> 7)];
}
