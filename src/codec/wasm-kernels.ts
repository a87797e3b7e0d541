import type { KernelMemory, PlaneKernels } from './plane-kernels.ts';
import {
  add,
  add8,
  and,
  any,
  type Code,
  constant,
  equal8,
  fill8,
  get,
  isBelow,
  load,
  min8,
  multiply,
  or,
  repeat,
  set,
  shiftLanes,
  shiftRight,
  shuffle,
  store,
  storeByte,
  subtract8,
  type WasmFunction,
} from './wasm-module.ts';
import { WasmProgram } from './wasm-program.ts';

const program = new WasmProgram<PlaneKernels>(() => [
  split2('split2', (x) => x),
  split2('split2R', (x) => rotateLeft(2, x)),
  splitNibbles(),
  split4R(),
  merge2('merge2', (x) => x),
  merge2('merge2R', (x) => rotateRight(2, x)),
  mergeNibbles(),
  merge4R(),
  pack(),
  mergePairs2R(),
  mergePairs4R(),
]);

/** The kernels with 128-bit vectors, over a memory of at least `size` bytes; null where the runtime has no such instructions. */
export function wasmKernels(size: number): KernelMemory | null {
  const instance = program.over(size);
  return instance && { bytes: instance.bytes, kernels: instance.exports };
}

const evenBytes = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30];
const oddBytes = evenBytes.map((lane) => lane + 1);
/** `x0 y0 x1 y1 …`, of the lower and of the upper half. */
const interleaveLow = [0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23];
const interleaveHigh = interleaveLow.map((lane) => lane + 8);
/** The same with pairs of bytes. */
const pairsLow = [0, 1, 16, 17, 2, 3, 18, 19, 4, 5, 20, 21, 6, 7, 22, 23];
const pairsHigh = pairsLow.map((lane) => lane + 8);
/** Of eight elements of four bytes: the first bytes, then the second ones. The same for the third and the fourth. */
const firstTwo = [0, 4, 8, 12, 16, 20, 24, 28, 1, 5, 9, 13, 17, 21, 25, 29];
const lastTwo = firstTwo.map((lane) => lane + 2);
const lowHalves = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const highHalves = lowHalves.map((lane) => lane + 8);

const rotateLeft = (width: 2 | 4, x: Code): Code => or(shiftLanes.left(width, x, 1), shiftLanes.right(width, x, 8 * width - 1));
const rotateRight = (width: 2 | 4, x: Code): Code =>
  or(shiftLanes.right(width, x, 1), shiftLanes.left(width, x, 8 * width - 1));

function split2(name: string, rotate: (x: Code) => Code): WasmFunction {
  const [elements, plane0, plane1] = [0, 1, 2];
  return loop({ name, parameters: 4, step: 16 }, (at, [a, b]) => [
    ...set(a, load(at(elements, 2))),
    ...set(b, load(at(elements, 2), 16)),
    ...set(a, rotate(get(a))),
    ...set(b, rotate(get(b))),
    ...store(at(plane0), 0, shuffle(get(a), get(b), evenBytes)),
    ...store(at(plane1), 0, shuffle(get(a), get(b), oddBytes)),
  ]);
}

function merge2(name: string, rotate: (x: Code) => Code): WasmFunction {
  const [elements, plane0, plane1] = [0, 1, 2];
  return loop({ name, parameters: 4, step: 16 }, (at, [a, b, c]) => [
    ...set(a, load(at(plane0))),
    ...set(b, load(at(plane1))),
    ...interleave2({ low: a, high: b, spare: c, to: at(elements, 2), offset: 0 }, rotate),
  ]);
}

function mergePairs2R(): WasmFunction {
  const [elements, plane0, packed, base] = [0, 1, 2, 3];
  return loop({ name: 'mergePairs2R', parameters: 5, step: 32 }, (at, [a, b, c, d], tools) => [
    ...unpackTo([a, b], c, { packed, base }, tools),
    ...[a, b].flatMap((exponents, half) => [
      ...set(c, load(at(plane0), 16 * half)),
      ...interleave2({ low: c, high: exponents, spare: d, to: at(elements, 2), offset: 32 * half }, (x) => rotateRight(2, x)),
    ]),
  ]);
}

/** Stores 16 elements from a vector of their lower and one of their upper bytes. */
function interleave2(
  { low, high, spare, to, offset }: { low: number; high: number; spare: number; to: Code; offset: number },
  rotate: (x: Code) => Code,
): Code {
  return [interleaveLow, interleaveHigh].flatMap((lanes, half) => [
    ...set(spare, shuffle(get(low), get(high), lanes)),
    ...store(to, offset + 16 * half, rotate(get(spare))),
  ]);
}

/** Sets two locals to the exponents of 32 elements. */
function unpackTo(
  [first, second]: [number, number],
  spare: number,
  { packed, base }: { packed: number; base: number },
  { keep, index }: Tools,
): Code {
  return [
    ...set(first, load(add(get(packed), shiftRight(index, 1)))),
    ...set(spare, shiftLanes.right(1, get(first), 4)),
    ...set(first, and(get(first), keep(15))),
    ...set(second, add8(shuffle(get(first), get(spare), interleaveHigh), fill8(get(base)))),
    ...set(first, add8(shuffle(get(first), get(spare), interleaveLow), fill8(get(base)))),
  ];
}

function split4R(): WasmFunction {
  const [elements, planes] = [0, [1, 2, 3, 4]];
  return loop({ name: 'split4R', parameters: 6, step: 16 }, (at, [a, b, c, d, e, f]) => {
    const quarters = [a, b, c, d];
    const halves = (lanes: number[]) => [...set(e, shuffle(get(a), get(b), lanes)), ...set(f, shuffle(get(c), get(d), lanes))];
    return [
      ...quarters.flatMap((local, part) => set(local, load(at(elements, 4), 16 * part))),
      ...quarters.flatMap((local) => set(local, rotateLeft(4, get(local)))),
      ...halves(firstTwo),
      ...store(at(planes[0]), 0, shuffle(get(e), get(f), lowHalves)),
      ...store(at(planes[1]), 0, shuffle(get(e), get(f), highHalves)),
      ...halves(lastTwo),
      ...store(at(planes[2]), 0, shuffle(get(e), get(f), lowHalves)),
      ...store(at(planes[3]), 0, shuffle(get(e), get(f), highHalves)),
    ];
  });
}

function merge4R(): WasmFunction {
  const [elements, planes] = [0, [1, 2, 3, 4]];
  return loop({ name: 'merge4R', parameters: 6, step: 16 }, (at, [a, b, c, d, e, f, g]) => {
    const quarters: Quarters = [a, b, c, d];
    return [
      ...quarters.flatMap((local, k) => set(local, load(at(planes[k])))),
      ...interleave4R(quarters, [e, f, g], { to: at(elements, 4), offset: 0 }),
    ];
  });
}

function mergePairs4R(): WasmFunction {
  const [elements, planes, packed, base] = [0, [1, 2, 3], 4, 5];
  return loop({ name: 'mergePairs4R', parameters: 7, step: 32 }, (at, [a, b, c, d, e, f, g, h], tools) => [
    ...unpackTo([d, h], e, { packed, base }, tools),
    ...[d, h].flatMap((exponents, half) => [
      ...[a, b, c].flatMap((local, k) => set(local, load(at(planes[k]), 16 * half))),
      ...interleave4R([a, b, c, exponents], [e, f, g], { to: at(elements, 4), offset: 64 * half }),
    ]),
  ]);
}

type Quarters = [number, number, number, number];

/** Stores 16 elements from four vectors of their bytes. */
function interleave4R(
  [a, b, c, d]: Quarters,
  [e, f, g]: [number, number, number],
  { to, offset }: { to: Code; offset: number },
): Code {
  return [interleaveLow, interleaveHigh].flatMap((lanes, half) => [
    ...set(e, shuffle(get(a), get(b), lanes)),
    ...set(f, shuffle(get(c), get(d), lanes)),
    ...set(g, shuffle(get(e), get(f), pairsLow)),
    ...store(to, offset + 32 * half, rotateRight(4, get(g))),
    ...set(g, shuffle(get(e), get(f), pairsHigh)),
    ...store(to, offset + 32 * half + 16, rotateRight(4, get(g))),
  ]);
}

/** Bits of each byte, moved up, or down when negative. Shifts act on lanes of two bytes; the mask drops bits of the other byte. */
function bitsOf(local: number, by: number, mask: Code): Code {
  const x = get(local);
  if (by === 0) return and(x, mask);
  return and(by < 0 ? shiftLanes.right(2, x, -by) : shiftLanes.left(2, x, by), mask);
}

function splitNibbles(): WasmFunction {
  const [elements, plane0, plane1] = [0, 1, 2];
  return loop({ name: 'splitNibbles', parameters: 4, step: 16 }, (at, [a, b, c], { keep }) => [
    ...set(c, load(at(elements, 2))),
    ...set(b, load(at(elements, 2), 16)),
    ...set(a, shuffle(get(c), get(b), evenBytes)),
    ...set(b, shuffle(get(c), get(b), oddBytes)),
    ...set(c, or(bitsOf(a, 0, keep(0x07)), bitsOf(a, -4, keep(0x08)))),
    ...store(at(plane0), 0, or(get(c), or(bitsOf(b, 4, keep(0x70)), bitsOf(b, 0, keep(0x80))))),
    ...store(at(plane1), 0, or(bitsOf(a, -3, keep(0x0f)), bitsOf(b, 1, keep(0xf0)))),
  ]);
}

function mergeNibbles(): WasmFunction {
  const [elements, plane0, plane1] = [0, 1, 2];
  return loop({ name: 'mergeNibbles', parameters: 4, step: 16 }, (at, [a, b, c, d], { keep }) => [
    ...set(a, load(at(plane0))),
    ...set(b, load(at(plane1))),
    ...set(c, or(or(bitsOf(a, 0, keep(0x07)), bitsOf(a, 4, keep(0x80))), bitsOf(b, 3, keep(0x78)))),
    ...set(d, or(or(bitsOf(a, -4, keep(0x07)), bitsOf(a, 0, keep(0x80))), bitsOf(b, -1, keep(0x78)))),
    ...store(at(elements, 2), 0, shuffle(get(c), get(d), interleaveLow)),
    ...store(at(elements, 2), 16, shuffle(get(c), get(d), interleaveHigh)),
  ]);
}

function pack(): WasmFunction {
  const [plane, packed, flags, base] = [0, 1, 2, 3];
  return loop({ name: 'pack', parameters: 5, step: 32 }, (at, [a, b, c], { keep, index }) => {
    const distance = (offset: number) => min8(subtract8(load(at(plane), offset), fill8(get(base))), keep(15));
    const isEscape = (x: Code) => equal8(x, keep(15));
    return [
      ...set(a, distance(0)),
      ...set(b, distance(16)),
      ...storeByte(add(get(flags), shiftRight(index, 5)), any(or(isEscape(get(a)), isEscape(get(b))))),
      ...set(c, shuffle(get(a), get(b), oddBytes)),
      ...set(a, shuffle(get(a), get(b), evenBytes)),
      ...store(add(get(packed), shiftRight(index, 1)), 0, or(get(a), shiftLanes.left(1, get(c), 4))),
    ];
  });
}

type Locals = [a: number, b: number, c: number, d: number, e: number, f: number, g: number, h: number];

interface Tools {
  /** The number of elements done. */
  index: Code;
  /** A vector with this value in every byte, made once before the loop. Inside the loop the runtime would make it every time. */
  keep(value: number): Code;
}

/**
 * Runs `body` for every `step` elements; the last parameter is their count. `at(pointer, width)` is the address of the current
 * element, `width` bytes each, in the area whose address is in that parameter.
 */
function loop(
  shape: { name: string; parameters: number; step: number },
  body: (at: (pointer?: number, width?: number) => Code, locals: Locals, tools: Tools) => Code,
): WasmFunction {
  const index = shape.parameters;
  const local = (k: number) => index + 1 + k;
  const at = (pointer = 0, width = 1) => add(get(pointer), width === 1 ? get(index) : multiply(get(index), constant(width)));
  const locals: Locals = [local(0), local(1), local(2), local(3), local(4), local(5), local(6), local(7)];
  const next = set(index, add(get(index), constant(shape.step)));
  const kept = new Map<number, number>();
  const keep = (value: number) => {
    const own = kept.get(value) ?? local(locals.length + kept.size);
    kept.set(value, own);
    return get(own);
  };
  const repeated = repeat(
    [...body(at, locals, { index: get(index), keep }), ...next],
    isBelow(get(index), get(shape.parameters - 1)),
  );
  return {
    name: shape.name,
    parameters: shape.parameters,
    locals: { i32: 1, v128: locals.length + kept.size },
    body: [...[...kept].flatMap(([value, own]) => set(own, fill8(constant(value)))), ...repeated],
  };
}
