import { CacheError } from '../core/errors.ts';

/** An image of ComfyUI's input folder at a frame of the video; -1 is the last one. */
export interface PlacedImage {
  file: string;
  frame: number;
}

/** The value of a slot; integers beyond 2^53 are `bigint`. */
export type SlotValue = string | number | bigint | boolean | readonly PlacedImage[];

/** All slots of a preset, filled. */
export type Settings = Readonly<Record<string, SlotValue>>;

interface Common {
  name: string;
  meaning: string;
  /** Left out = the slot is required. */
  default?: SlotValue;
  /** Whether it stays open in the compiled graph, which then serves every text and seed. */
  isOpen?: boolean;
}

interface Bounds {
  min: number;
  max: number;
  /** It must be a multiple of this, plus `plus`. */
  multipleOf?: number;
  plus?: number;
}

/** A place in a preset that the user fills. */
export type Slot = Common &
  (
    | { kind: 'text' }
    | ({ kind: 'integer' | 'number' } & Bounds)
    /** A whole number of 64 bits. */
    | { kind: 'seed' }
    /** `only` is the one frame that may have an image. */
    | { kind: 'images'; least: number; most: number; only?: number }
    /** A text, number or switch, of the type in the file's prompt. */
    | { kind: 'any' }
  );

const mostSeed = 2n ** 64n - 1n;
const mostText = 100_000;

/**
 * Fills the slots of a preset, each with its given value or its default. Numbers may be given as texts.
 * @throws CacheError BAD_REQUEST that names every wrong one
 */
export function fill(slots: readonly Slot[], given: Readonly<Record<string, unknown>>): Settings {
  const names = new Set(slots.map(({ name }) => name));
  const unknown = Object.keys(given).filter((name) => !names.has(name));
  const problems = unknown.map((name) => `there is no slot ${name}`);
  const filled = slots.flatMap((slot) => {
    const value = given[slot.name] ?? slot.default;
    const read = value === undefined ? { problem: 'it must be given' } : readers[slot.kind](value, slot as never);
    if ('value' in read) return [[slot.name, read.value] as const];
    problems.push(`${slot.name}: ${read.problem}`);
    return [];
  });
  if (problems.length === 0) return Object.fromEntries(filled);
  throw new CacheError('BAD_REQUEST', problems.slice(0, 20).join('; '), {
    hint: `its slots: ${[...names].join(', ')}`,
  });
}

type Read = { value: SlotValue } | { problem: string };
type Reader<Kind extends Slot['kind']> = (value: unknown, slot: Extract<Slot, { kind: Kind }>) => Read;

const readers: { [Kind in Slot['kind']]: Reader<Kind> } = {
  text: (value) => {
    if (typeof value !== 'string') return { problem: 'it must be a text' };
    return value.length > mostText ? { problem: `it has more than ${mostText} characters` } : { value };
  },
  integer: readNumber,
  number: readNumber,
  seed: (value) => {
    const isWhole =
      typeof value === 'bigint' || Number.isSafeInteger(value) || (typeof value === 'string' && /^\d+$/.test(value));
    const seed = isWhole ? BigInt(value as string | number | bigint) : -1n;
    if (seed < 0n || seed > mostSeed) return { problem: `it must be a whole number from 0 to ${mostSeed}` };
    return { value: seed > BigInt(Number.MAX_SAFE_INTEGER) ? seed : Number(seed) };
  },
  images: (value, { least, most, only }) => {
    const images = (Array.isArray(value) ? value : [value]).map(readImage);
    const right = images.filter((image) => image !== null);
    if (right.length < images.length) return { problem: 'an image is a file of the input folder and a frame: a.png@0' };
    if (right.length < least || right.length > most) return { problem: `it takes ${least} to ${most} images` };
    const elsewhere = only !== undefined && right.some(({ frame }) => frame !== only);
    return elsewhere ? { problem: `an image can lie at frame ${only} only` } : { value: right };
  },
  any: (value, slot) => {
    const isNumeral = typeof value === 'string' && typeof slot.default === 'number' && numeral.test(value);
    if (isNumeral) return { value: numberOf(value) };
    const fits = ['string', 'number', 'bigint', 'boolean'].includes(typeof value);
    return fits ? { value: value as SlotValue } : { problem: 'it must be a text, a number, true or false' };
  },
};

/** As JSON writes numbers. */
export const numeral = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;

/** The value of a numeral; an integer keeps its digits. */
export function numberOf(text: string): number | bigint {
  const number = Number(text);
  return Number.isInteger(number) && !Number.isSafeInteger(number) && /^-?\d+$/.test(text) ? BigInt(text) : number;
}

function readNumber(value: unknown, slot: Bounds & { kind: 'integer' | 'number' }): Read {
  const { kind, min, max, multipleOf = 1, plus = 0 } = slot;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || !Number.isFinite(number)) return { problem: 'it must be a number' };
  if (number < min || number > max) return { problem: `it must be from ${min} to ${max}` };
  if (kind === 'integer' && (number - plus) % multipleOf !== 0) {
    const rest = plus === 0 ? '' : ` and ${plus}`;
    return { problem: multipleOf === 1 ? 'it must be a whole number' : `it must be a multiple of ${multipleOf}${rest}` };
  }
  return { value: number };
}

/** `a.png@0`, `a.png` for frame 0, or the fields. */
function readImage(value: unknown): PlacedImage | null {
  if (typeof value === 'string') {
    const [, file = '', frame = '0'] = /^(.+?)(?:@(-?\d{1,5}))?$/s.exec(value) ?? [];
    return file === '' ? null : { file, frame: Number(frame) };
  }
  const { file, frame = 0 } = (value ?? {}) as Partial<PlacedImage>;
  return typeof file === 'string' && file !== '' && Number.isSafeInteger(frame) ? { file, frame } : null;
}
