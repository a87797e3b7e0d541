import { type Fields, isExactly, isInteger, isMatch, isOptional, isShaped, wrongField } from '../core/shape.ts';
import { isNumberType, type NumberType } from './number-types.ts';

/**
 * The compressed form of a model file, extension `.zst`: a standard zstd file (`zstd -t` and `zstd -l` accept and check it) that
 * can be read from any place.
 *
 *     the zstd frames of chunk 0, of chunk 1, …         one after the other
 *     a skippable frame (0x184D2A50)                    the CRC-32 of the text that follows, 4 bytes; then `Metadata` as JSON
 *     a skippable frame (0x184D2A5E)                    the seek table of the zstd seekable format, a line for each frame above
 *
 * All numbers are little-endian. The seek table comes last, so a reader starts at the end of the file (`footer.ts`). A line of it
 * is the size of a frame and the size of its content, 4 bytes each. The number of lines (4 bytes), a zero (1 byte) and the magic
 * number 0x8F92EAB1 follow the lines. The last line belongs to the metadata, with a content size of 0.
 *
 * The file is cut into chunks of at most 1 MiB, at the boundaries of its tensors. A larger tensor is cut into even parts, which
 * depend only on its size; smaller neighbours share a chunk (`layout.ts`). A chunk is stored in one of five ways:
 *
 *     plain      one frame with the bytes unchanged
 *     nibbles    for fp8 (e4m3): two frames with half a byte of each element, two elements a byte, the first one in the low half:
 *                one with the mantissa and the sign above it, one with the exponent
 *     planes2    for fp16: two frames, one with the lower byte of each element and one with the upper
 *     planes2r   for bf16: the same, after rotating each element left by one bit, so that the exponent fills the upper byte
 *     planes4r   for fp32: four frames, lowest byte first, after the same rotation
 *
 * Weights are noise except for their exponents, which take few values. So only the exponents compress, about three to one, and bf16
 * as a whole by a third. With `pairs`, two exponents share a byte of the last plane, the first one in the low half, each as its
 * distance from `base`, 0 to 14. 15 means any other exponent. Those are listed behind the pairs, in the same frame: first the
 * index of each such element in the chunk, 4 bytes, then the exponents themselves. Pairs halve the bytes to decode, which is most
 * of the work of a restore, and save a little space. `nibbles` halve them too: fp8 is restored almost twice as fast. It becomes
 * half a percent larger, because its mantissas are not quite noise; where they are even less like noise, it is stored `plain`.
 *
 * A file may also stand on others of its tier, its `bases` (then `requires` has `base`): a chunk with `from` is made of a chunk that one
 * of them stores itself. So nothing is more than one step away from stored bytes.
 *
 *     same       no frame: the bytes of that chunk
 *     delta2     for fp16: two frames with the differences from that chunk, the lower and the upper byte of each
 *     delta2r    the same for bf16
 *     delta4     the same for fp32, in four frames
 *
 * Differences may also be from bytes that begin behind `skip` bytes of that chunk and go on in the next ones, all of them stored by the
 * base. With a `type` these are numbers of another type, which are converted first (`number-types.ts`): fp32 rounded to fp16
 * takes next to nothing beside it, and the fp32 beside the fp16 only its lower bits. Then, and with `delta4`, `requires` has `numbers`.
 *
 * A difference counts the numbers between two values, in the order of their size, and has its sign in the lowest bit
 * (`difference.ts`). Differences are in the order of the exponents in the base, the largest first: how large a difference can be
 * depends on that, so equal exponents give one statistic to a block of zstd.
 *
 * Three checks cover the data: zstd's XXH64 in every frame, the CRC-32 of every chunk's bytes, the SHA-256 of the whole file.
 *
 * The format leaves room for additions. A reader ignores unknown keys at every level, and refuses a file whose `requires` has an
 * unknown name: any change to the meaning of this description. `version` changes when the frame around it all does.
 *
 * Without this program: `restore-script.ts` is a script for Python and the zstd command.
 */
export const formatName = 'autocached';
export const formatVersion = 1;
export const metadataMagic = 0x184d2a50;
export const seekTableMagic = 0x184d2a5e;
/** The last four bytes of the file. */
export const seekableMagic = 0x8f92eab1;

/**
 * Bytes of a chunk as written, so that all its forms fit the processor's cache. A reader accepts larger ones, within its memory
 * limit.
 */
export const chunkBytes = 1024 * 1024;
const maxChunkBytes = 8 * 1024 * 1024;
/** Chunks written at most: 180 GiB, so that the metadata does not become too large. */
export const maxChunks = 180_000;

/** A chunk is stored as `pairs` only if it has at most one escape per this many elements. */
export const elementsPerEscape = 512;
/** Bytes of one escape: index and exponent. */
export const escapeBytes = 5;

export const transforms = ['plain', 'nibbles', 'planes2', 'planes2r', 'planes4r'] as const;
/** Transforms of chunks that are made of a base's chunk. */
const derivedTransforms = ['same', 'delta2', 'delta2r', 'delta4'] as const;
export type DerivedTransform = (typeof derivedTransforms)[number];
export type Transform = (typeof transforms)[number] | DerivedTransform;

/** A run of the original file's bytes and its transform. */
export interface Run {
  size: number;
  as: Transform;
}

/** Bytes split as one unit, and frames they go to: one element, or two elements that share bytes. */
export const widthOf: Record<Transform, 1 | 2 | 4> = {
  plain: 1,
  nibbles: 2,
  planes2: 2,
  planes2r: 2,
  planes4r: 4,
  same: 1,
  delta2: 2,
  delta2r: 2,
  delta4: 4,
};

export interface Pairs {
  base: number;
  escapes: number;
}

export interface Chunk extends Run {
  /** CRC-32 of the original bytes. */
  crc32: number;
  pairs?: Pairs;
  /** The base bytes that a derived chunk is made of. */
  from?: BaseChunk;
}

/** Bytes of a base: from which of its chunks on, both by their index. */
export interface BaseChunk {
  base: number;
  chunk: number;
  /** Bytes of that chunk before them; left out = 0. */
  skip?: number;
  /** The type of the numbers in them, where the chunk's own ones have another. */
  type?: NumberType;
}

/** Another compressed file that chunks are made of. */
export interface Base {
  /** Its path from the directory of the tier, with forward slashes. */
  file: string;
  /** Size of its original, and the hash. */
  size: number;
  sha256: string;
}

/** Names allowed in `requires`. */
export const features: readonly string[] = ['base', 'numbers'];
export const mostBases = 4;

export interface Metadata {
  format: typeof formatName;
  version: typeof formatVersion;
  /** The `features` that a reader must support. */
  requires: string[];
  /** Bytes of the original file, and their hash in hexadecimal. */
  size: number;
  sha256: string;
  /** A writer's notes about the original, such as a name or a time; this writer leaves none. */
  about: Record<string, unknown>;
  chunks: Chunk[];
  bases?: Base[];
}

const isCount = isInteger();
const pairsFields: Fields<Pairs> = { base: isInteger(0, 255), escapes: isCount };
const chunkFields: Fields<Chunk> = {
  size: isInteger(1, maxChunkBytes),
  as: (value): value is Transform => [...transforms, ...derivedTransforms].includes(value as Transform),
  crc32: isInteger(0, 0xffffffff),
  pairs: isOptional(isShaped(pairsFields)),
  from: isOptional(
    isShaped<BaseChunk>({
      base: isInteger(0, mostBases - 1),
      chunk: isCount,
      skip: isOptional(isInteger(0, maxChunkBytes)),
      type: isOptional((value): value is NumberType => typeof value === 'string' && isNumberType(value)),
    }),
  ),
};

const isSha256 = isMatch(/^[0-9a-f]{64}$/);
/** A path that does not lead out of the directory of the tier. */
const isInside = isMatch(/^(?!\/)(?!.*(^|\/)\.{1,2}(\/|$))[^\0\\]{1,4096}$/);
const isBase = isShaped<Base>({ file: isInside, size: isCount, sha256: isSha256 });

const metadataFields: Fields<Metadata> = {
  format: isExactly(formatName),
  version: isExactly(formatVersion),
  requires: (value): value is string[] => Array.isArray(value) && value.every((name) => features.includes(name)),
  size: isCount,
  sha256: isSha256,
  about: (value): value is Record<string, unknown> => isShaped({})(value) && !Array.isArray(value),
  chunks: (value): value is Chunk[] => Array.isArray(value),
  bases: isOptional((value): value is Base[] => Array.isArray(value) && value.length <= mostBases && value.every(isBase)),
};

/** The first fault in a file's metadata, in words; undefined when it is sound. */
export function faultOf(json: Record<string, unknown>): string | undefined {
  const wrong = wrongField(metadataFields, json);
  if (wrong !== undefined) return `metadata.${wrong} is wrong`;
  for (const [k, chunk] of (json['chunks'] as unknown[]).entries()) {
    const fault = faultOfChunk(chunk) ?? faultOfOrigin(chunk as Chunk, json as Pick<Metadata, 'requires' | 'bases'>);
    if (fault !== undefined) return `chunk ${k}${fault}`;
  }
  return undefined;
}

function faultOfChunk(value: unknown): string | undefined {
  if (!isShaped({})(value)) return ' is wrong';
  const wrong = wrongField(chunkFields, value);
  if (wrong === 'pairs') return `.pairs.${wrongField(pairsFields, Object((value as Chunk).pairs))} is wrong`;
  if (wrong !== undefined) return `.${wrong} is wrong`;
  const { size, as, pairs } = value as Chunk;
  if (size % widthOf[as] !== 0) return ': its size is not a whole number of elements';
  if (pairs && !allowsPairs({ size, as })) return ': it cannot have pairs';
  if ((pairs?.escapes ?? 0) * elementsPerEscape > size / widthOf[as]) return ': it lists too many elements';
  return undefined;
}

function faultOfOrigin(
  { as, from }: Chunk,
  { requires, bases = [] }: Pick<Metadata, 'requires' | 'bases'>,
): string | undefined {
  if (isDerived(as) !== (from !== undefined)) return ': only a derived chunk has a base';
  if (from && !(requires.includes('base') && from.base < bases.length)) return ': its base is not named';
  if (needsNumbers({ as, from }) && !(requires.includes('numbers') && as !== 'same')) return ': its form is not named';
  return undefined;
}

/** Whether readers of the first version of `base` cannot read such a chunk. */
export function needsNumbers({ as, from }: { as: Transform; from?: BaseChunk | undefined }): boolean {
  return as === 'delta4' || from?.skip !== undefined || from?.type !== undefined;
}

export function isDerived(as: Transform): as is DerivedTransform {
  return (derivedTransforms as readonly string[]).includes(as);
}

/** Two exponents make a byte, so their number must be even. */
export function allowsPairs({ size, as }: Run): boolean {
  return (as === 'planes2r' || as === 'planes4r') && (size / widthOf[as]) % 2 === 0;
}

/** Bytes that each frame of a chunk decodes to, in the order of the frames. */
export function frameSizes({ size, as, pairs }: Pick<Chunk, 'size' | 'as' | 'pairs'>): number[] {
  if (as === 'same') return [];
  const elements = size / widthOf[as];
  const sizes = Array.from({ length: widthOf[as] }, () => elements);
  return pairs ? [...sizes.slice(0, -1), elements / 2 + pairs.escapes * escapeBytes] : sizes;
}
